// A program that prints, as JSON, for which chip AscendCL says that this machine is. A process of its own, because a library
// that does not fit its driver may crash or hang whoever asks.
import { writeSync } from 'node:fs';
import { loadAcl } from './library.js';

/** @returns {Promise<object>} */
async function ask() {
  try {
    const acl = await loadAcl(process.argv.slice(2));
    const name = acl.socName();
    return name === undefined ? { error: acl.words().trim() || 'aclrtGetSocName returned nothing' } : { name };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

// The libraries may print, too: the answer has a line of its own.
writeSync(1, `\n${JSON.stringify(await ask())}\n`);

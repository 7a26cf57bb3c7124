import { existsSync, readFileSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** Environment variables, of this process or of another. */
export type Environment = Readonly<Record<string, string | undefined>>;

const NAME = 'libascendcl.so';

/** Installations below a prefix, the toolkit first. */
const INSTALLATIONS = ['ascend-toolkit/latest', 'nnrt/latest', 'cann'];

/** Folders where the system's loader looks without being told. */
const SYSTEM_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64'];

/**
 * Where the AscendCL library may be, in the order in which to try: the one that was asked for, and then no other; else
 * what the system's loader finds, the installation that `set_env.sh` has named, and the usual places.
 *
 * @param library path that the user gave; `SDGRAPH_ASCENDCL` if not given
 */
export function libraryCandidates(library: string | undefined, env: Environment): readonly string[] {
  const asked = askedFor(library, env);
  return asked === undefined ? [NAME, ...installed(env)] : [asked];
}

/**
 * Those candidates that exist, without loading any: none on a machine without the toolkit. A file that was asked for
 * counts as there.
 */
export function presentCandidates(library: string | undefined, env: Environment): readonly string[] {
  if (askedFor(library, env) !== undefined) return libraryCandidates(library, env);
  const folders = [...(env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter((path) => path !== ''), ...SYSTEM_FOLDERS];
  const isFound = folders.some((folder) => existsSync(join(folder, NAME))) || isCached();
  return [...(isFound ? [NAME] : []), ...installed(env).filter((path) => existsSync(path))];
}

function askedFor(library: string | undefined, { SDGRAPH_ASCENDCL: variable }: Environment): string | undefined {
  const asked = library ?? variable;
  return asked === undefined || asked === '' ? undefined : resolve(asked);
}

function installed({ ASCEND_HOME_PATH: home, ASCEND_TOOLKIT_HOME: toolkit, HOME: user }: Environment): string[] {
  const prefixes = ['/usr/local/Ascend', ...(user === undefined ? [] : [join(user, 'Ascend')])];
  const roots = [home, toolkit, ...prefixes.flatMap((prefix) => INSTALLATIONS.map((name) => join(prefix, name)))];
  const known = roots.filter((root) => root !== undefined && isAbsolute(root)) as string[];
  return [...new Set(known.map((root) => join(root, 'lib64', NAME)))];
}

/** Whether the system's list of libraries has it. */
function isCached(): boolean {
  try {
    return readFileSync('/etc/ld.so.cache').includes(NAME);
  } catch {
    return false;
  }
}

/**
 * Prints how far our checker and Python's agree on the recorded models: `npm run agreement:checker`, or after a build
 * `node scripts/agreement-checker.mjs [--all]`. With `--all` every disagreement is listed, else one of each reason.
 */
import { compareCheckers } from './checker-agreement.mjs';

/**
 * @typedef {{ close(): void }} Opened
 * @typedef {{ openModel(bytes: Uint8Array): Promise<Opened> }} Io
 * @typedef {{ checkModel(model: Opened, options: { full: boolean }): { rule: string, severity: string }[] }} Checker
 */

const dist = new URL('../dist/src/', import.meta.url);
const io = /** @type {Io} */ (await import(new URL('io/open.js', dist).href));
const checker = /** @type {Checker} */ (await import(new URL('schema/check.js', dist).href));

/** @param {Uint8Array} bytes @param {boolean} full */
async function ours(bytes, full) {
  try {
    const model = await io.openModel(bytes);
    const errors = checker.checkModel(model, { full }).filter(({ severity }) => severity === 'error');
    model.close();
    return [...new Set(errors.map(({ rule }) => rule))];
  } catch (error) {
    const { code } = /** @type {{ code?: string }} */ (error);
    if (code === undefined) throw error;
    return [code];
  }
}

const { source, models, mutations, refused, disagreements } = await compareCheckers(ours);
console.log(`${source}: ${models} models and ${mutations} mutations, ${refused} of which it refuses`);
for (const full of [false, true]) {
  const some = disagreements.filter((each) => each.full === full);
  const share = (100 * (1 - some.length / (models + mutations))).toFixed(2);
  console.log(`\n${full ? 'with full_check' : 'plain'}: the same verdict on ${share} %, another on ${some.length}`);
  for (const why of new Set(some.map((each) => each.why))) {
    const list = some.filter((each) => each.why === why);
    console.log(`  ${String(list.length).padStart(3)}  ${why ?? 'NO KNOWN REASON'}`);
    for (const { id, python, ours: rules } of process.argv.includes('--all') ? list : list.slice(0, 1)) {
      console.log(
        `         ${id}: ${python === undefined ? `ours refuses (${rules.join(', ')})` : `Python refuses (${python})`}`,
      );
    }
  }
}
process.exitCode = disagreements.every(({ why }) => why !== undefined) ? 0 : 1;

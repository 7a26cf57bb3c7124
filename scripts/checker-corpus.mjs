/**
 * The models on which this checker is compared with `onnx.checker.check_model`, and the verdicts of the latter: official
 * test models as Debian packages them (`libonnx-testdata`), models of our own in `fixtures/checker-verdicts`, and
 * mutations of both.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { fingerprint, mutate } from './checker-mutations.mjs';

/** Where the verdicts and our own models are. */
export const FIXTURES = fileURLToPath(new URL('../fixtures/checker-verdicts', import.meta.url));
const OFFICIAL = '/usr/share/libonnx-testdata/data';
const OFFICIAL_SETS = ['node', 'pytorch-converted', 'pytorch-operator', 'simple'];

/**
 * What Python said, in the form of `verdicts.json.gz`. A verdict is an index into `categories`, or -1 for none: the model
 * is accepted.
 *
 * @typedef {object} Verdicts
 * @property {string} source
 * @property {string[]} bases ids of models
 * @property {string[]} kinds kinds of mutations
 * @property {string[]} categories what the first line of a refusal says, without names and numbers
 * @property {[sum: string, plain: number, full: number][]} originals by base
 * @property {[base: number, kind: number, seed: number, sum: string, plain: number, full: number][]} mutations
 */

/**
 * @typedef {object} Case
 * @property {string} id
 * @property {Uint8Array} bytes
 * @property {string | undefined} plain why `check_model` refuses; undefined when it accepts
 * @property {string | undefined} full the same with `full_check`
 */

/** Ids of all base models that this machine has. @returns {string[]} */
export function baseIds() {
  const official = OFFICIAL_SETS.flatMap((set) =>
    existsSync(join(OFFICIAL, set))
      ? readdirSync(join(OFFICIAL, set))
          .filter((name) => existsSync(join(OFFICIAL, set, name, 'model.onnx')))
          .map((name) => `${set}/${name}`)
      : [],
  );
  const own = readdirSync(join(FIXTURES, 'models')).map((name) => `own/${name.replace(/\.onnx$/u, '')}`);
  return [...own, ...official].toSorted();
}

/** @param {string} id @returns {Uint8Array | undefined} the bytes of a base model; undefined when this machine does not have it */
export function baseModel(id) {
  const path = id.startsWith('own/')
    ? join(FIXTURES, 'models', `${id.slice(4)}.onnx`)
    : join(OFFICIAL, id, 'model.onnx');
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** @returns {Verdicts} */
export function readVerdicts() {
  return /** @type {Verdicts} */ (
    JSON.parse(gunzipSync(readFileSync(join(FIXTURES, 'verdicts.json.gz'))).toString('utf8'))
  );
}

/**
 * Every model with a verdict that this machine has.
 *
 * @param {Verdicts} verdicts
 * @returns {Generator<Case>}
 */
export function* cases({ bases, kinds, categories, originals, mutations }) {
  /** @type {Map<number, Uint8Array | undefined>} */
  const models = new Map();
  for (const [base, [sum, plain, full]] of originals.entries()) {
    const bytes = baseModel(/** @type {string} */ (bases[base]));
    // Another release of the test data may have another model under the same name.
    const known = bytes !== undefined && fingerprint(bytes) === sum ? bytes : undefined;
    models.set(base, known);
    if (known === undefined) continue;
    yield { id: /** @type {string} */ (bases[base]), bytes: known, plain: categories[plain], full: categories[full] };
  }
  for (const [base, kind, seed, sum, plain, full] of mutations) {
    const model = models.get(base);
    if (model === undefined) continue;
    const id = `${bases[base]} ${kinds[kind]} ${seed}`;
    const bytes = mutate(model, /** @type {string} */ (kinds[kind]), seed);
    if (bytes === undefined || fingerprint(bytes) !== sum) {
      throw new Error(`${id}: the mutation no longer gives the model that the verdict is about`);
    }
    yield { id, bytes, plain: categories[plain], full: categories[full] };
  }
}

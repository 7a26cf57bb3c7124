/**
 * Records what `onnx.checker.check_model` says of the comparison models:
 * `node scripts/make-checker-verdicts.mjs PYTHON [MUTATIONS]`, where PYTHON has the onnx package.
 *
 * The same packages give the same file. Tests read it and need no Python.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { baseIds, baseModel, FIXTURES } from './checker-corpus.mjs';
import { fingerprint, KINDS, mutate } from './checker-mutations.mjs';

/** Largest model that is mutated: the larger ones show nothing that small ones do not. */
const MAX_BYTES = 100_000;
/** Every so many mutations one is of a model of our own, which have what official ones lack. */
const OWN_EVERY = 3;
/** How many models a seed tries before it is given up: many kinds of mutation need something that few models have. */
const ATTEMPTS = 16;

/** @param {number} value @returns {number} a whole number that has nothing to do with its neighbours */
function scattered(value) {
  let mixed = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const [python = 'python3', wanted = '1800'] = process.argv.slice(2);
const bases = baseIds();
const models = bases.map((id) => baseModel(id) ?? new Uint8Array(0));
const own = bases.flatMap((id, i) => (id.startsWith('own/') ? [i] : []));
const small = models.flatMap((bytes, i) => (bytes.length <= MAX_BYTES ? [i] : []));

/** @type {{ base: number, kind: number, seed: number, bytes: Uint8Array }[]} */
const mutations = [];
const seen = new Set();
for (let seed = 0; mutations.length < Number(wanted) && seed < 10 * Number(wanted); seed++) {
  const kind = seed % KINDS.length;
  const choice = seed % OWN_EVERY === 0 ? own : small;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = /** @type {number} */ (choice[scattered(seed * ATTEMPTS + attempt) % choice.length]);
    const bytes = mutate(/** @type {Uint8Array} */ (models[base]), /** @type {string} */ (KINDS[kind]), seed);
    const sum = bytes === undefined ? '' : `${base} ${fingerprint(bytes)}`;
    if (bytes === undefined || seen.has(sum)) continue;
    seen.add(sum);
    mutations.push({ base, kind, seed, bytes });
    break;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'checker-'));
try {
  for (const [i, bytes] of [...models, ...mutations.map((each) => each.bytes)].entries()) {
    writeFileSync(join(folder, `${i}.onnx`), bytes);
  }
  const answer = join(folder, 'answer.json');
  const script = fileURLToPath(new URL('./checker-verdicts.py', import.meta.url));
  execFileSync(python, [script, folder, answer], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const { source, verdicts } = /** @type {{ source: string, verdicts: [string | null, string | null][] }} */ (
    JSON.parse(readFileSync(answer, 'utf8'))
  );
  const categories = [...new Set(verdicts.flat().filter((text) => text !== null))].toSorted();
  /** @param {string | null | undefined} text */
  const index = (text) => (text === null || text === undefined ? -1 : categories.indexOf(text));
  const result = {
    source,
    bases,
    kinds: KINDS,
    categories,
    originals: models.map((bytes, i) => [fingerprint(bytes), ...(verdicts[i] ?? []).map(index)]),
    mutations: mutations.map(({ base, kind, seed, bytes }, i) => [
      base,
      kind,
      seed,
      fingerprint(bytes),
      ...(verdicts[models.length + i] ?? []).map(index),
    ]),
  };
  const packed = gzipSync(JSON.stringify(result), { level: 9 });
  writeFileSync(join(FIXTURES, 'verdicts.json.gz'), packed);
  console.log(
    `${models.length} models, ${mutations.length} mutations, ${categories.length} categories, ${packed.length} bytes`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Fails when a file in `src/` or `passes/` depends on a layer that it may not use, or when files import each other in a
 * circle: `node scripts/check-layers.mjs [FOLDER]`.
 *
 * Type-only imports count for layers: a type that points up ties two layers together as firmly as a call does. They do
 * not count for circles, which are about the order of evaluation: nodes and values are defined in terms of each other,
 * and keep a file each.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dependenciesOf } from './imports.mjs';

const CORE = ['errors', 'wire', 'ir'];
const REWRITING = [...CORE, 'schema', 'author', 'targets', 'rewrite'];
const LIBRARY = [...REWRITING, 'io', 'passes', 'runtime'];
const ROOMS = ['diffusion', 'export', 'quantize', 'report', 'score'];

/**
 * Every layer, from the bottom up, with where it lives and what it may use besides itself. A layer uses only layers
 * that stand before it.
 *
 * @type {readonly { name: string, path: string, uses: readonly string[] }[]}
 */
export const LAYERS = [
  { name: 'errors', path: 'src/errors.ts', uses: [] },
  { name: 'wire', path: 'src/wire', uses: ['errors'] },
  { name: 'ir', path: 'src/ir', uses: ['errors', 'wire'] },
  { name: 'io', path: 'src/io', uses: CORE },
  { name: 'schema', path: 'src/schema', uses: ['errors', 'ir'] },
  { name: 'author', path: 'src/author', uses: ['errors', 'ir', 'schema'] },
  { name: 'targets', path: 'src/targets', uses: [...CORE, 'schema'] },
  { name: 'rewrite', path: 'src/rewrite', uses: [...CORE, 'schema', 'author', 'targets'] },
  { name: 'passes', path: 'passes', uses: REWRITING },
  { name: 'runtime', path: 'src/runtime', uses: [...REWRITING, 'io', 'passes'] },
  { name: 'verify', path: 'src/verify', uses: LIBRARY },
  { name: 'ascend', path: 'src/ascend', uses: LIBRARY },
  { name: 'validate', path: 'src/validate', uses: [...LIBRARY, 'verify', 'ascend'] },
  ...ROOMS.map((name) => ({ name, path: `src/${name}`, uses: LIBRARY })),
  { name: 'cli', path: 'src/cli', uses: [...LIBRARY, 'verify', 'ascend', 'validate', ...ROOMS] },
  { name: 'index', path: 'src/index.ts', uses: [...LIBRARY, 'verify', 'ascend', 'validate', ...ROOMS] },
];

/**
 * @typedef {{ files: number, imports: number, problems: string[] }} LayerReport
 */

/**
 * @param {string} root the folder that holds `src/` and `passes/`
 * @returns {LayerReport} problems in the order of the files; paths are relative to `root`
 */
export function checkLayers(root) {
  const files = ['src', 'passes'].flatMap((folder) => listFiles(root, folder)).filter(isSource);
  /** @type {Map<string, Set<string>>} */
  const graph = new Map(files.map((file) => [file, new Set()]));
  const problems = [];
  let imports = 0;

  for (const [file, targets] of graph) {
    const layer = layerOf(file);
    if (layer === undefined) problems.push(`${file}: no layer is defined for this file`);
    for (const { kind, specifier, line } of dependenciesOf(file, readFileSync(join(root, file), 'utf8'))) {
      /** @param {string} problem */
      const report = (problem) => problems.push(`${file}:${line}: ${problem}`);
      if (specifier === undefined) {
        report('the target of this import is computed, so its layer cannot be checked');
        continue;
      }
      if (/^sdgraph(?:\/|$)/u.test(specifier))
        report('imports the package by its own name, which is its topmost layer');
      if (!specifier.startsWith('.')) continue;
      imports++;
      const target = resolve(root, posix.join(posix.dirname(file), specifier));
      const used = layerOf(target);
      if (used === undefined) {
        // A URL may point at data outside the layers; an import may not, for nothing outside is compiled or published.
        if (kind !== 'url') report(`imports ${target}, which no layer holds`);
        continue;
      }
      if (layer !== undefined && used !== layer && !layer.uses.includes(used.name)) {
        report(`${layer.name} may not use ${used.name} (${target})`);
      }
      // What a URL loads (a worker, say) is not evaluated by whoever names it, so it cannot close a circle of imports.
      if (kind === 'import' && graph.has(target)) targets.add(target);
    }
  }
  for (const cycle of findCycles(graph)) problems.push(`import cycle: ${[...cycle, cycle[0]].join(' -> ')}`);
  return { files: files.length, imports, problems };
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]} every file below the folder, sorted, with forward slashes
 */
function listFiles(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
}

/** @param {string} file */
function isSource(file) {
  return /\.[cm]?[jt]s$/u.test(file) && !/\.d\.[cm]?ts$/u.test(basename(file));
}

/** @param {string} file */
function layerOf(file) {
  return LAYERS.find(({ path }) => file === path || file.startsWith(`${path}/`));
}

/**
 * @param {string} root
 * @param {string} target
 * @returns {string} the source behind a name: `worker.js` in a URL means `worker.ts` before the build
 */
function resolve(root, target) {
  if (existsSync(join(root, target))) return target;
  const source = target.replace(/\.js$/u, '.ts');
  return existsSync(join(root, source)) ? source : target;
}

/**
 * @param {ReadonlyMap<string, ReadonlySet<string>>} graph
 * @returns {string[][]} a shortest circle through the first file, in order, that is not in an earlier one
 */
function findCycles(graph) {
  const seen = new Set();
  const cycles = [];
  for (const start of graph.keys()) {
    if (seen.has(start)) continue;
    const cycle = shortestWayBack(graph, start);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const file of cycle) seen.add(file);
  }
  return cycles;
}

/**
 * @param {ReadonlyMap<string, ReadonlySet<string>>} graph
 * @param {string} start
 * @returns {string[] | undefined} the files from `start` to the one that imports it, by breadth-first search
 */
function shortestWayBack(graph, start) {
  const ways = [[start]];
  const reached = new Set();
  for (const way of ways) {
    for (const next of graph.get(way.at(-1) ?? start) ?? []) {
      if (next === start) return way;
      if (reached.has(next)) continue;
      reached.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
  const { files, imports, problems } = checkLayers(root);
  // A check that looked at nothing must not pass.
  if (files === 0) problems.push(`there are no source files in ${root}`);
  process.stdout.write(
    [...problems, `layers: ${files} files, ${imports} imports, ${problems.length} problems`, ''].join('\n'),
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

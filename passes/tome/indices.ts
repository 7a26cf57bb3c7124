import { printable, SdgraphError } from '../../src/errors.ts';
import { readJsonFile } from '../../src/targets/json-file.ts';
import { LegacyRandom } from './random.ts';

/** The two token lists of token merging: raster positions, together every position once. Lists made here rise. */
export interface TomeIndices {
  /** Source tokens, three quarters of all. They may be merged away. */
  readonly a: readonly number[];
  /** Destination tokens, one quarter: one of each 2x2 cell unless a user gave the lists. */
  readonly b: readonly number[];
}

/**
 * Where the destination tokens come from.
 *
 * - `random`: one position of each cell, drawn as upstream draws it with NumPy seeded with `seed`
 * - `corner`: the top left position of each cell
 * - `explicit`: the lists as given, {@link readTomeIndices} reads them from a file
 */
export type TomeIndexSource =
  | { readonly kind: 'random'; readonly seed: number }
  | { readonly kind: 'corner' }
  | { readonly kind: 'explicit'; readonly indices: TomeIndices; readonly file?: string };

/** Most tokens of a latent grid that lists are made for; far beyond what any operator takes. */
const MAX_TOKENS = 1 << 24;

/** Why an h x w grid of latents cannot be cut into 2x2 cells, or `undefined` when it can. */
export function refuseGrid(h: number, w: number): string | undefined {
  // Upstream crops an odd grid but counts positions with the cropped width, so its lists name the wrong tokens.
  if (!isEven(h) || !isEven(w))
    return `latents of ${h}x${w} cannot be cut into 2x2 cells: height and width have to be even`;
  if (h * w > MAX_TOKENS) return `latents of ${h}x${w} have more than ${MAX_TOKENS} tokens`;
  return undefined;
}

function isEven(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 2 && size % 2 === 0;
}

/**
 * The token lists for latents of height `h` and width `w`. The same arguments always give the same lists.
 *
 * @throws SdgraphError `E_PASS_OPTION` for a grid that {@link refuseGrid} refuses, for a seed outside 0 to 2^32 - 1, and
 * for explicit lists that are not a partition of the h*w positions into three quarters and one quarter.
 *
 * @example
 * tomeIndices(2, 4, { kind: 'corner' }) // { a: [1, 3, 4, 5, 6, 7], b: [0, 2] }
 */
export function tomeIndices(h: number, w: number, source: TomeIndexSource): TomeIndices {
  const refusal = refuseGrid(h, w);
  if (refusal !== undefined) throw new SdgraphError('E_PASS_OPTION', refusal);
  if (source.kind === 'explicit') {
    checkPartition(source.indices, h * w, source.file);
    return source.indices;
  }
  const cells = (h / 2) * (w / 2);
  const draws = source.kind === 'corner' ? undefined : new LegacyRandom(source.seed).integers(4, cells);
  return partition(h, w, draws);
}

/** Splits the grid; `draws[cell]` is the position inside the cell, row by row from the top left, 0 without draws. */
function partition(h: number, w: number, draws: readonly number[] | undefined): TomeIndices {
  const isDestination = new Uint8Array(h * w);
  const cellsInRow = w / 2;
  for (let cell = 0; cell < (h / 2) * cellsInRow; cell++) {
    const draw = draws?.[cell] ?? 0;
    const row = 2 * Math.floor(cell / cellsInRow) + (draw >> 1);
    const column = 2 * (cell % cellsInRow) + (draw & 1);
    isDestination[row * w + column] = 1;
  }
  const a: number[] = [];
  const b: number[] = [];
  for (const [position, flag] of isDestination.entries()) (flag === 1 ? b : a).push(position);
  return { a, b };
}

/**
 * Token lists from a JSON file: an object with `a` (sources) and `b` (destinations), or upstream's names `index_a` and
 * `index_b`; anything else in it is ignored. Whether they fit the latents is checked by {@link tomeIndices}.
 *
 * @throws SdgraphError `E_PASS_OPTION` when the file does not hold two lists of whole numbers; `E_FILE_MISSING` and
 * `E_FILE_READ` for the file itself.
 */
export function readTomeIndices(file: string): TomeIndexSource {
  const value = readJsonFile(file, 'E_PASS_OPTION');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SdgraphError(
      'E_PASS_OPTION',
      'the file holds no token lists',
      { file },
      { expected: '{ "a": [], "b": [] }' },
    );
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  return { kind: 'explicit', indices: { a: listOf(fields, 'a', file), b: listOf(fields, 'b', file) }, file };
}

function listOf(fields: ReadonlyMap<string, unknown>, name: 'a' | 'b', file: string): readonly number[] {
  const long = `index_${name}`;
  if (fields.has(name) && fields.has(long)) {
    throw new SdgraphError('E_PASS_OPTION', `the file holds the same list as '${name}' and as '${long}'`, { file });
  }
  const path = fields.has(long) ? long : name;
  const list = fields.get(path);
  if (!Array.isArray(list)) {
    const found = list === undefined ? 'nothing' : list === null ? 'null' : typeof list;
    throw new SdgraphError('E_PASS_OPTION', 'a token list is missing', { file, path }, { expected: 'an array', found });
  }
  const wrong = list.findIndex((each) => !Number.isSafeInteger(each));
  if (wrong !== -1) {
    throw new SdgraphError(
      'E_PASS_OPTION',
      'a token position is not a whole number',
      { file, path: `${path}[${wrong}]` },
      { found: printable(JSON.stringify(list[wrong])) },
    );
  }
  return list as readonly number[];
}

function checkPartition({ a, b }: TomeIndices, tokens: number, file: string | undefined): void {
  const fail = (path: string, reason: string, expected: string, found: string): never => {
    throw new SdgraphError('E_PASS_OPTION', reason, file === undefined ? { path } : { file, path }, {
      expected,
      found,
    });
  };
  const seen = new Uint8Array(tokens);
  for (const [path, list, length] of [
    ['a', a, (tokens / 4) * 3],
    ['b', b, tokens / 4],
  ] as const) {
    if (list.length !== length) fail(path, 'a token list has the wrong length', `${length}`, `${list.length}`);
    for (const [index, position] of list.entries()) {
      const at = `${path}[${index}]`;
      if (!Number.isInteger(position) || position < 0 || position >= tokens) {
        fail(at, 'a token position is outside the latents', `0 to ${tokens - 1}`, `${position}`);
      }
      if (seen[position] === 1) fail(at, 'a token position occurs twice', 'every position once', `${position} again`);
      seen[position] = 1;
    }
  }
}

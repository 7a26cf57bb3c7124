import type { SafetensorsDtype } from '../io/safetensors.ts';
import type { TensorToSave } from '../io/safetensors-writer.ts';
import { numberToHalf } from '../ir/numbers.ts';
import type { Shapes } from './new-tiny-shapes.ts';

/** Element types of made-up weights. */
export type TinyDtype = Extract<SafetensorsDtype, 'F32' | 'F16'>;

/** How the tensors of a part are made up. */
export interface TinyValues {
  readonly dtype: TinyDtype;
  /** Equal seeds give equal weights; undefined: zeros that take no room on disk. */
  readonly seed: number | undefined;
  /** Tells the parts of a checkpoint apart. */
  readonly part: string;
}

/** Elements made at a time. */
const BLOCK = 1 << 19;

/** Different values in one tensor; an index of 16 bits chooses one. */
const LEVELS = 1 << 16;

/**
 * Tensors in the order of their names, with random values of a size that keeps activations finite: each
 * depends on seed and name alone.
 */
export function tinyTensors(shapes: Shapes, { dtype, seed, part }: TinyValues): readonly TensorToSave[] {
  const known = new Map<string, Levels>();
  const sorted = [...shapes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, shape]) => {
    if (seed === undefined) return { name, dtype, shape };
    const count = shape.reduce((product, dim) => product * dim, 1);
    const [centre, spread] = rangeOf(name, shape);
    const key = `${centre} ${spread}`;
    const data = (): Generator<Uint8Array> => {
      const levels = known.get(key) ?? levelsOf(centre, spread, dtype);
      known.set(key, levels);
      return values(count, levels, hash(`${seed} ${part} ${name}`));
    };
    return { name, dtype, shape, data };
  });
}

/** The values that the elements of a tensor may have. */
type Levels = Uint16Array | Float32Array;

function* values(count: number, levels: Levels, seed: number): Generator<Uint8Array> {
  const block = levels instanceof Uint16Array ? new Uint16Array(BLOCK) : new Float32Array(BLOCK);
  let state = seed;
  for (let done = 0; done < count; done += BLOCK) {
    const length = Math.min(BLOCK, count - done);
    for (let i = 0; i < length; i++) {
      state = (state + 0x6d2b79f5) | 0;
      const bits = scramble(state);
      block[i] = levels[bits >>> 16] as number;
    }
    yield new Uint8Array(block.buffer, 0, length * block.BYTES_PER_ELEMENT);
  }
}

/** The last steps of the generator mulberry32: neighbouring states give unrelated numbers. */
function scramble(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return bits ^ (bits >>> 14);
}

/** Scales of normalizations are near 1, biases near 0; other weights as layers begin. */
function rangeOf(name: string, shape: readonly number[]): readonly [centre: number, spread: number] {
  if (/norm\w*\.weight$/u.test(name)) return [1, 0.05];
  return [0, name.endsWith('.bias') ? 0.05 : width(name, shape)];
}

/** Values evenly spread around a centre. */
function levelsOf(centre: number, spread: number, dtype: TinyDtype): Levels {
  const value = (i: number): number => centre + spread * ((2 * i + 1) / LEVELS - 1);
  return dtype === 'F16'
    ? Uint16Array.from({ length: LEVELS }, (_, i) => numberToHalf(value(i)))
    : Float32Array.from({ length: LEVELS }, (_, i) => value(i));
}

/**
 * Up to one over the root of the number of inputs, as layers of PyTorch begin: each then adds a little to what the network
 * passes on, as in a trained one, and near tokens stay alike.
 */
function width(name: string, [, ...inputs]: readonly number[]): number {
  if (name.includes('embeddings.')) return 0.05;
  return 1 / Math.sqrt(inputs.reduce((product, dim) => product * dim, 1));
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 0x01000193);
  return state;
}

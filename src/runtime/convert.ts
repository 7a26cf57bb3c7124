import { SdgraphError } from '../errors.ts';
import { DataType } from '../ir/data-type.ts';
import { halfToNumber, numberToHalf } from '../ir/numbers.ts';
import { nameFeeds } from './check-feeds.ts';
import type { InferenceSession, RunTimings, SessionFeeds, SessionPort, SessionTensor } from './session.ts';

/** What a session converts. */
export interface ConvertOptions {
  /**
   * Convert feeds to the element type of the input by {@link convertTensor}'s rule, in place of refusing them. Default
   * false.
   */
  readonly convert?: boolean;
  /** Give float16 outputs back as float32. Default false. */
  readonly float32Outputs?: boolean;
}

/**
 * The same numbers in another element type, for the pairs that exporters and compilers put in each other's place:
 * float32 and float16 (rounded to nearest, ties to even, beyond 65504 to infinity), int64 and int32 (checked). A tensor
 * of any other pair comes back as it is.
 *
 * @param name of the input, for the error
 * @throws SdgraphError `E_SESSION_FEED` for an int64 that no int32 can hold
 */
export function convertTensor(tensor: SessionTensor, dataType: number, name = ''): SessionTensor {
  const { dims, data } = tensor;
  if (data instanceof Float32Array && dataType === DataType.FLOAT16) return { dataType, dims, data: toHalves(data) };
  if (data instanceof BigInt64Array && dataType === DataType.INT32) {
    return { dataType, dims, data: narrow(data, name) };
  }
  if (data instanceof Int32Array && dataType === DataType.INT64) {
    return { dataType, dims, data: BigInt64Array.from(data, BigInt) };
  }
  const isHalf = tensor.dataType === DataType.FLOAT16 && data instanceof Uint16Array;
  return isHalf && dataType === DataType.FLOAT ? { dataType, dims, data: toFloats(data) } : tensor;
}

/** A session that converts what goes in and comes out, as asked for; the session itself when nothing is. */
export function convertingSession(session: InferenceSession, options: ConvertOptions, label = ''): InferenceSession {
  const { convert = false, float32Outputs = false } = options;
  return convert || float32Outputs ? new ConvertingSession(session, { convert, float32Outputs }, label) : session;
}

class ConvertingSession implements InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  readonly #session: InferenceSession;
  readonly #options: Required<ConvertOptions>;
  readonly #label: string;

  constructor(session: InferenceSession, options: Required<ConvertOptions>, label: string) {
    this.#session = session;
    this.#options = options;
    this.#label = label;
    this.inputs = session.inputs;
    this.outputs = options.float32Outputs
      ? session.outputs.map((port) => ({ ...port, dataType: widened(port.dataType) }))
      : session.outputs;
  }

  get timings(): RunTimings | undefined {
    return this.#session.timings;
  }

  async run(feeds: SessionFeeds): Promise<Map<string, SessionTensor>> {
    const outputs = await this.#session.run(this.#options.convert ? this.#convert(feeds) : feeds);
    if (!this.#options.float32Outputs) return outputs;
    return new Map([...outputs].map(([name, tensor]) => [name, convertTensor(tensor, widened(tensor.dataType), name)]));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #convert(feeds: SessionFeeds): ReadonlyMap<string, SessionTensor> {
    const types = new Map(this.inputs.map(({ name, dataType }) => [name, dataType]));
    const named = nameFeeds(this.inputs, feeds, this.#label);
    return new Map([...named].map(([name, feed]) => [name, convertTensor(feed, types.get(name) ?? 0, name)]));
  }
}

function widened(dataType: number): number {
  return dataType === DataType.FLOAT16 ? DataType.FLOAT : dataType;
}

function narrow(data: BigInt64Array, name: string): Int32Array {
  const narrowed = Int32Array.from(data, Number);
  const wrong = data.find((value, i) => BigInt(narrowed[i] ?? 0) !== value);
  if (wrong === undefined) return narrowed;
  const details = { expected: 'numbers from -2147483648 to 2147483647', found: String(wrong) };
  throw new SdgraphError('E_SESSION_FEED', 'an int64 does not fit the int32 input', { name }, details);
}

/** Works on bit patterns, because prompts and latents are converted at every step. */
function toHalves(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  const patterns = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  for (const [i, pattern] of patterns.entries()) {
    const magnitude = pattern & 0x7fff_ffff;
    // Neither below the smallest normal half (2^-14) nor at 65520, which rounds to infinity, and beyond.
    if (magnitude >= 0x3880_0000 && magnitude < 0x477f_f000) {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x3800_0000;
      halves[i] = ((pattern >>> 16) & 0x8000) | (rounded >>> 13);
    } else {
      halves[i] = numberToHalf(floats[i] ?? 0);
    }
  }
  return halves;
}

let halfTable: Float32Array | undefined;

function toFloats(halves: Uint16Array): Float32Array {
  const table = (halfTable ??= Float32Array.from({ length: 0x1_0000 }, (_, bits) => halfToNumber(bits)));
  return Float32Array.from(halves, (bits) => table[bits] ?? 0);
}

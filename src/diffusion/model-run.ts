/** Feeds models by position and reads their first output, whatever element types they were made with. */

import { DataType, typeName } from '../ir/data-type.ts';
import { convertTensor } from '../runtime/convert.ts';
import type { InferenceSession, SessionPort, SessionTensor } from '../runtime/session.ts';
import { modelsError } from './model-files.ts';

/**
 * Runs a model.
 *
 * @param tensors one for each input, in order
 * @param count elements that output 0 must have
 * @returns output 0 as float32; the session's own array where it is of that type
 * @throws SdgraphError `E_MODELS` when the output is not what the model promised, and what the session throws
 */
export async function runModel(
  session: InferenceSession,
  tensors: readonly SessionTensor[],
  count: number | undefined,
): Promise<Float32Array> {
  const outputs = await session.run(tensors);
  const name = session.outputs[0]?.name ?? '';
  const output = outputs.get(name);
  const values = output === undefined ? undefined : floatsOf(output);
  if (values !== undefined && (count === undefined || values.length === count)) return values;
  const found = output === undefined ? 'nothing' : `${typeName(output.dataType)}[${output.dims.join(',')}]`;
  const expected = count === undefined ? 'FLOAT or FLOAT16' : `FLOAT or FLOAT16, ${count} values`;
  throw modelsError('a model returned another output than it has', { name }, { expected, found });
}

function floatsOf(tensor: SessionTensor): Float32Array | undefined {
  const { data } = convertTensor(tensor, DataType.FLOAT);
  return data instanceof Float32Array ? data : undefined;
}

/** Floats for an input, in the element type that it takes. One buffer, filled anew for each run. */
export class FloatFeed {
  readonly tensor: SessionTensor;
  readonly #data: Float32Array | Uint16Array;

  constructor({ dataType }: SessionPort, dims: readonly number[]) {
    const count = dims.reduce((a, b) => a * b, 1);
    this.#data = dataType === DataType.FLOAT16 ? new Uint16Array(count) : new Float32Array(count);
    this.tensor = { dataType, dims, data: this.#data };
  }

  /** Puts values at a place, converted by the rule of the runtime. */
  set(values: Float32Array, at = 0): void {
    const given = { dataType: DataType.FLOAT, dims: [values.length], data: values };
    this.#data.set(convertTensor(given, this.tensor.dataType).data as Float32Array | Uint16Array, at);
  }

  /** Repeats the first `length` values behind them. */
  repeat(length: number): void {
    this.#data.copyWithin(length, 0, length);
  }
}

/** Whole numbers for an input, in the element type that it takes. */
export class IntFeed {
  readonly tensor: SessionTensor;
  readonly #data: Int32Array | BigInt64Array;

  constructor({ dataType }: SessionPort, dims: readonly number[]) {
    const count = dims.reduce((a, b) => a * b, 1);
    this.#data = dataType === DataType.INT32 ? new Int32Array(count) : new BigInt64Array(count);
    this.tensor = { dataType, dims, data: this.#data };
  }

  set(values: readonly number[], at = 0): void {
    for (const [i, value] of values.entries()) {
      if (this.#data instanceof Int32Array) this.#data[at + i] = value;
      else this.#data[at + i] = BigInt(value);
    }
  }
}

import type { Dim } from '../ir/type.ts';

/** The elements of a tensor in memory. float16 and bfloat16 are bit patterns in a Uint16Array, bool is 0 or 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** A tensor that goes into or comes out of a session. */
export interface SessionTensor {
  /** Element type, a number of `DataType`. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** An input or output of a session. */
export interface SessionPort {
  readonly name: string;
  /** Element type, a number of `DataType`. */
  readonly dataType: number;
  readonly shape: readonly Dim[];
}

/** A model that is loaded and can be run. */
export interface InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  /**
   * Runs the model once.
   *
   * @param feeds one tensor for each input, by name
   * @returns the outputs by name
   * @throws SdgraphError `E_SESSION_FEED` when feeds do not fit the inputs, `E_SESSION_RUN` when the runtime fails
   */
  run(feeds: ReadonlyMap<string, SessionTensor>): Promise<Map<string, SessionTensor>>;
  /** Frees the model. Running afterwards throws `E_SESSION_RUN`. */
  close(): Promise<void>;
}

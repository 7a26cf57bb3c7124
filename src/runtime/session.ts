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

/** What goes into a run: one tensor for each input, by name, or in the order of the inputs. */
export type SessionFeeds = ReadonlyMap<string, SessionTensor> | readonly SessionTensor[];

/** Where the time of a run went, in milliseconds. */
export interface RunTimings {
  /** Copying the inputs to the device. Absent where nothing is copied. */
  readonly h2d?: number;
  /** Running the model. */
  readonly execute: number;
  /** Copying the outputs back. Absent where nothing is copied. */
  readonly d2h?: number;
}

/** A model that is loaded and can be run. */
export interface InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  /** Those of the run that ended last; undefined before the first one. */
  readonly timings?: RunTimings | undefined;
  /**
   * Runs the model once.
   *
   * @returns the outputs by name, in the order of `outputs`
   * @throws SdgraphError `E_SESSION_FEED` when feeds do not fit the inputs, `E_SESSION_RUN` when the runtime fails; on
   * a device also `E_ACL_DEVICE` when it is lost and `E_ACL_MEMORY` when its memory is full
   */
  run(feeds: SessionFeeds): Promise<Map<string, SessionTensor>>;
  /** Frees the model. Running afterwards throws `E_SESSION_RUN`. */
  close(): Promise<void>;
}

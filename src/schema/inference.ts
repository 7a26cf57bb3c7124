import type { Dim, ValueType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';

/** An element of an integer tensor that shape computations produce: known, symbolic, or unknown. */
export type Int = bigint | string | undefined;

/** Two statements about one value that cannot both be true. */
export interface Conflict {
  readonly value: Value;
  readonly message: string;
}

/**
 * Types and shapes of the values of a model as of the moment of inference. Asking for a value that was added or changed
 * by a later edit gives what the file says of it, or undefined: never a stale answer for another value.
 */
export interface Inference {
  /** Type of a value: what the file states merged with what follows from the graph. */
  type(value: Value | undefined): ValueType | undefined;
  /** Shape; undefined when not even the rank is known. */
  shape(value: Value | undefined): readonly Dim[] | undefined;
  /** Shape when every dimension is a known number. */
  dims(value: Value | undefined): readonly number[] | undefined;
  /** Contents of a small integer tensor (at most a few dozen elements), as far as they follow from the graph. */
  ints(value: Value | undefined): readonly Int[] | undefined;
  /** Contradictions between what the file states and what follows. */
  readonly conflicts: readonly Conflict[];
}

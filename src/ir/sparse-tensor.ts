import type { Span } from '../wire/rope.ts';
import type { Tensor } from './tensor.ts';

/** A sparse constant: dense dimensions, the values that are not zero, and their places (SparseTensorProto). */
export class SparseTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly values: Tensor;
  readonly indices: Tensor;
  /** Where the SparseTensorProto lies in the file. */
  readonly segments: readonly Span[];
  /** @internal The whole field with tag and length; undefined after an edit. */
  readonly field: Span | undefined;

  constructor(values: Tensor, indices: Tensor, dims: readonly number[], segments: readonly Span[], field?: Span) {
    // The name of a sparse initializer is that of its values (onnx.proto).
    this.name = values.name;
    this.dataType = values.dataType;
    this.dims = dims;
    this.values = values;
    this.indices = indices;
    this.segments = segments;
    this.field = field;
  }

  /** The same tensor under another name. */
  renamed(name: string): SparseTensor {
    if (name === this.name) return this;
    return new SparseTensor(this.values.renamed(name), this.indices, this.dims, this.segments);
  }
}

import { SdgraphError } from '../errors.ts';
import { DataType, typeName } from '../ir/data-type.ts';
import { numberToHalf } from '../ir/numbers.ts';
import { Tensor } from '../ir/tensor.ts';

type WriteElement = (view: DataView, offset: number, value: number | bigint) => void;

const WRITERS: ReadonlyMap<number, readonly [width: number, write: WriteElement]> = new Map([
  [DataType.FLOAT, [4, (view, at, value) => view.setFloat32(at, Number(value), true)]],
  [DataType.DOUBLE, [8, (view, at, value) => view.setFloat64(at, Number(value), true)]],
  [DataType.FLOAT16, [2, (view, at, value) => view.setUint16(at, numberToHalf(Number(value)), true)]],
  [DataType.BOOL, [1, (view, at, value) => view.setUint8(at, Number(value) === 0 ? 0 : 1)]],
  [DataType.UINT8, [1, integer((view, at, value) => view.setUint8(at, Number(value)), 0n, 2n ** 8n)]],
  [DataType.INT8, [1, integer((view, at, value) => view.setInt8(at, Number(value)), -(2n ** 7n), 2n ** 7n)]],
  [DataType.INT32, [4, integer((view, at, value) => view.setInt32(at, Number(value), true), -(2n ** 31n), 2n ** 31n)]],
  [DataType.INT64, [8, integer((view, at, value) => view.setBigInt64(at, value, true), -(2n ** 63n), 2n ** 63n)]],
]);

/**
 * A tensor in memory with these elements in row-major order, rounded to the nearest number of the type.
 *
 * @param dims dimensions; a vector by default
 *
 * @throws SdgraphError `E_TENSOR_TYPE` when the type is none of float16, float32, float64, bool, int8, uint8, int32,
 * int64; `E_TENSOR_SIZE` when the number of elements is not that of the dimensions, or an integer type cannot hold one
 */
export function numberTensor(
  dataType: number,
  values: readonly (number | bigint)[],
  dims: readonly number[] = [values.length],
  name = '',
): Tensor {
  const writer = WRITERS.get(dataType);
  if (writer === undefined) {
    throw new SdgraphError(
      'E_TENSOR_TYPE',
      'tensors of this type cannot be made of numbers',
      { name },
      {
        found: typeName(dataType),
      },
    );
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (count !== values.length) {
    throw new SdgraphError(
      'E_TENSOR_SIZE',
      'the number of elements is not that of the dimensions',
      { name },
      {
        expected: `${count} for [${dims.join(', ')}]`,
        found: `${values.length}`,
      },
    );
  }
  const [width, write] = writer;
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) write(view, i * width, value);
  return new Tensor({ name, dataType, dims, storage: { kind: 'memory', bytes } });
}

/** Writes what is a whole number in the range, and refuses anything else: nothing wraps around silently. */
function integer(
  write: (view: DataView, offset: number, value: bigint) => void,
  least: bigint,
  end: bigint,
): WriteElement {
  return (view, at, value) => {
    const whole = typeof value === 'bigint' || Number.isInteger(value) ? BigInt(value) : undefined;
    if (whole === undefined || whole < least || whole >= end) {
      throw new SdgraphError(
        'E_TENSOR_SIZE',
        'an integer type cannot hold this number',
        {},
        {
          expected: `a whole number from ${least} to ${end - 1n}`,
          found: String(value),
        },
      );
    }
    write(view, at, whole);
  };
}

import { SdgraphError } from '../../errors.ts';
import { DataType } from '../../ir/data-type.ts';
import { readNumbers } from '../../ir/numbers.ts';
import type { Tensor } from '../../ir/tensor.ts';
import { type Fact, type Known, MAX_KNOWN } from './fact.ts';

const cache = new WeakMap<Tensor, readonly Known[]>();

/**
 * Elements of a value, as far as they are known and few; reads a small constant when asked for the first time. One that
 * cannot be read (a missing file, wrong size) is unknown.
 */
export function elementsOf(fact: Fact): readonly Known[] | undefined {
  if (fact.known !== undefined || fact.constant === undefined) return fact.known;
  const { constant } = fact;
  const cached = cache.get(constant);
  if (cached !== undefined) return cached;
  try {
    if (constant.elementCount > MAX_KNOWN) return undefined;
    const elements = readElements(constant);
    if (elements !== undefined) cache.set(constant, elements);
    return elements;
  } catch (error) {
    if (error instanceof SdgraphError) return undefined;
    throw error;
  }
}

/** Whether elements of the type are kept as bigint: integers and booleans. */
export function isIntegral(elemType: number): boolean {
  return INTEGRAL.has(elemType);
}

const INTEGRAL: ReadonlySet<number> = new Set([
  DataType.UINT8,
  DataType.INT8,
  DataType.UINT16,
  DataType.INT16,
  DataType.INT32,
  DataType.INT64,
  DataType.BOOL,
  DataType.UINT32,
  DataType.UINT64,
]);

function readElements(tensor: Tensor): readonly Known[] | undefined {
  const { dataType } = tensor;
  if (dataType === DataType.INT64 || dataType === DataType.UINT64) {
    const bytes = tensor.read();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isSigned = dataType === DataType.INT64;
    return Array.from({ length: bytes.length / 8 }, (_, i) =>
      isSigned ? view.getBigInt64(i * 8, true) : view.getBigUint64(i * 8, true),
    );
  }
  const numbers = readNumbers(tensor);
  return isIntegral(dataType) ? numbers?.map(BigInt) : numbers;
}

/** Most elements of a float tensor that a function's body gets to see: scales and the like, not weights. */
const MAX_FLOATS_PASSED = 16;

/** A fact as the body of a function sees it: elements instead of the constant, and none of what could be a weight. */
export function forCall({ type, ...fact }: Fact): Fact {
  const known = elementsOf(fact);
  const isPassed = known !== undefined && (known.length <= MAX_FLOATS_PASSED || typeof known[0] !== 'number');
  return { ...(type === undefined ? {} : { type }), ...(isPassed ? { known } : {}) };
}

import { DataType } from './data-type.ts';

/** Bytes that are looked at one by one when some of them are not zero: a negative zero, or the end of the search. */
const PART = 1 << 16;

/** For the float types that have a negative zero: which bits of each byte of an element count. */
const MASKS: ReadonlyMap<number, readonly number[]> = new Map([
  [DataType.FLOAT, [0xff, 0xff, 0xff, 0x7f]],
  [DataType.COMPLEX64, [0xff, 0xff, 0xff, 0x7f]],
  [DataType.DOUBLE, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  [DataType.COMPLEX128, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  [DataType.FLOAT16, [0xff, 0x7f]],
  [DataType.BFLOAT16, [0xff, 0x7f]],
  // The fnuz types have no negative zero (0x80 is NaN), float8e8m0 has no zero at all.
  [DataType.FLOAT8E4M3FN, [0x7f]],
  [DataType.FLOAT8E5M2, [0x7f]],
  [DataType.FLOAT4E2M1, [0x77]],
]);

/**
 * Whether packed little-endian elements are all zero; negative zero counts.
 *
 * @param bytes whole elements
 */
export function allZero(bytes: Uint8Array, dataType: number): boolean {
  if (dataType === DataType.FLOAT8E8M0) return bytes.length === 0;
  if (isBlank(bytes)) return true;
  const mask = MASKS.get(dataType);
  if (mask === undefined) return false;
  for (let at = 0; at < bytes.length; at += PART) {
    const part = bytes.subarray(at, at + PART);
    if (!isBlank(part) && part.some((byte, i) => (byte & (mask[i % mask.length] as number)) !== 0)) return false;
  }
  return true;
}

/**
 * Whether all bytes are zero: the first is, and each is what the one before it is. Comparing bytes with themselves, one
 * place on, reads half as much memory as comparing with zeros that lie elsewhere.
 */
function isBlank(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

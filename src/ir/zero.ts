import { DataType } from './data-type.ts';

/** Bytes of zeros to compare with at once. */
const ZEROS = new Uint8Array(1 << 16);

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
  const mask = MASKS.get(dataType);
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) === 0) continue;
    if (mask === undefined || part.some((byte, i) => (byte & (mask[i % mask.length] as number)) !== 0)) return false;
  }
  return true;
}

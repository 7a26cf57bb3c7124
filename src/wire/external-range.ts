/** The byte range that external data names: `offset` and `length` are text in the model file. */

import { SdgraphError, type Where } from '../errors.ts';

/** Digits of 2^53: longer text cannot be an exact offset. */
const MAX_DIGITS = 16;

/**
 * The range that the `offset` and `length` entries of external data name, checked against the size of the file.
 * An absent offset is 0, an absent length is the rest of the file.
 *
 * @param offset decimal digits as the model has them; no sign, no space
 * @param length likewise, in bytes
 * @param size bytes of the file
 * @param where the tensor and file, for the error
 * @throws SdgraphError `E_EXTERNAL_RANGE` when an entry is no such number, is above 2^53 - 1, or the range passes the
 * end of the file.
 */
export function checkRange(
  offset: string | undefined,
  length: string | undefined,
  size: number,
  where: Where = {},
): { offset: number; length: number } {
  const begin = offset === undefined ? 0 : parse('offset', offset, where);
  if (begin > size) throw outside(`offset ${begin}`, size, where);
  const bytes = length === undefined ? size - begin : parse('length', length, where);
  if (bytes > size - begin) throw outside(`${bytes} bytes from ${begin} on`, size, where);
  return { offset: begin, length: bytes };
}

function parse(name: string, text: string, where: Where): number {
  const value = text.length <= MAX_DIGITS && /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new SdgraphError('E_EXTERNAL_RANGE', `the ${name} of external data is not a whole number of bytes`, where, {
    expected: 'decimal digits, at most 2^53 - 1',
    found: `'${text.slice(0, 40)}'`,
    hint: 'The model is damaged or was written by a faulty tool; export it again.',
  });
}

function outside(found: string, size: number, where: Where): SdgraphError {
  return new SdgraphError('E_EXTERNAL_RANGE', 'external data goes past the end of its file', where, {
    expected: `a range within ${size} bytes`,
    found,
    hint: 'The data file is cut short or belongs to another export; copy it again beside the model.',
  });
}

import * as fc from 'fast-check';
import { type Item, int, sub, text } from './awkward-encoding.ts';
import { arbElementType, arbEntries, arbInt64, arbText, joined, maybe, maybeText } from './wire-tensors.ts';

/** An extent: a value, a name, both (the last one counts) or neither. */
export const arbDimension: fc.Arbitrary<Item[]> = joined(
  fc.array(
    fc.oneof(
      arbInt64.map((value) => int(1, value, false, 'value')),
      arbText.map((value) => text(2, value, false, 'value')),
    ),
    { maxLength: 2 },
  ),
  maybeText(3),
);

const arbShape: fc.Arbitrary<Item[]> = fc
  .array(arbDimension, { maxLength: 3 })
  .map((dims) => dims.map((dim) => sub(1, dim, true)));

const arbTensorType: fc.Arbitrary<Item[]> = joined(
  maybe(arbElementType.map((type) => int(1, type))),
  maybe(arbShape.map((shape) => sub(2, shape))),
);

/** A type of a value, also nested, opaque, empty, or with two members of its oneof, of which the last one counts. */
export const arbType: fc.Arbitrary<Item[]> = arbTypeOf(2);

function arbTypeOf(depth: number): fc.Arbitrary<Item[]> {
  const flat = [member(1, arbTensorType), member(8, arbTensorType), member(7, joined(maybeText(1), maybeText(2)))];
  const key = arbElementType.map((type) => [int(1, type)]);
  const nested = (id: number) => maybe(arbTypeOf(depth - 1).map((type) => sub(id, type)));
  const deep = depth === 0 ? [] : [member(4, nested(1)), member(9, nested(1)), member(5, joined(key, nested(2)))];
  return joined(fc.array(fc.oneof(...flat, ...deep), { maxLength: 2 }), maybeText(6));
}

/** A `ValueInfoProto` without its name. */
export const arbInfo: fc.Arbitrary<Item[]> = joined(
  maybe(arbType.map((type) => sub(2, type))),
  maybeText(3),
  arbEntries(4),
);

/** A member of the oneof of a type. */
function member(id: number, arb: fc.Arbitrary<Item[]>): fc.Arbitrary<Item> {
  return arb.map((items) => sub(id, items, false, 'value'));
}

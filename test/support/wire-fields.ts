/** One field of a message, as it lies in the bytes. */
export interface WireField {
  readonly id: number;
  readonly wire: number;
  /** Tag, length and value. */
  readonly whole: Uint8Array;
  /** The value alone; for an integer its bytes, for a group what is in it. */
  readonly payload: Uint8Array;
}

/** Takes a message apart, knowing nothing of its schema and nothing of the code under test. */
export function wireFields(bytes: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = fieldAt(bytes, at);
    fields.push(found);
    at += found.whole.length;
  }
  return fields;
}

/** The contents of a message field that may come in pieces; undefined when it is not there. */
export function mergedMessage(fields: readonly WireField[], id: number): Uint8Array | undefined {
  const pieces = fields.filter((field) => field.id === id && field.wire === 2).map(({ payload }) => payload);
  return pieces.length === 0 ? undefined : Buffer.concat(pieces);
}

function fieldAt(bytes: Uint8Array, start: number): WireField {
  const [tag, afterTag] = varintAt(bytes, start);
  const id = Number((tag & 0xffff_ffffn) >> 3n);
  const wire = Number(tag & 7n);
  const make = (from: number, to: number, end = to): WireField => ({
    id,
    wire,
    whole: bytes.subarray(start, end),
    payload: bytes.subarray(from, to),
  });
  switch (wire) {
    case 0:
      return make(afterTag, varintAt(bytes, afterTag)[1]);
    case 1:
      return make(afterTag, afterTag + 8);
    case 2: {
      const [length, from] = varintAt(bytes, afterTag);
      return make(from, from + Number(length));
    }
    case 3: {
      let at = afterTag;
      for (;;) {
        const [inner, next] = varintAt(bytes, at);
        if ((inner & 7n) === 4n) return make(afterTag, at, next);
        at += fieldAt(bytes, at).whole.length;
      }
    }
    case 5:
      return make(afterTag, afterTag + 4);
    default:
      throw new Error(`there is no wire type ${wire}`);
  }
}

/** A varint and the offset behind it. */
function varintAt(bytes: Uint8Array, start: number): [value: bigint, end: number] {
  let value = 0n;
  for (let at = start; ; at++) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('the bytes end inside an integer');
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return [BigInt.asUintN(64, value), at + 1];
  }
}

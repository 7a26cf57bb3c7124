/**
 * Writes protobuf bytes by hand, one field at a time, also in ways that no encoder would choose: long forms of varints,
 * any order, any wire type. It knows neither ONNX's schema nor the code under test. JavaScript, so that scripts that
 * make fixtures can use it as it is.
 */

/**
 * A wire type: 0 varint, 1 64-bit, 2 length-delimited, 3 group, 5 32-bit.
 * @typedef {0 | 1 | 2 | 3 | 5} Wire
 */

/**
 * The value of a field: a number for wire type 0; four or eight bytes, or the number they hold, for 5 and 1; bytes or
 * text for 2; the fields inside, already written, for 3.
 * @typedef {bigint | number | string | Uint8Array} WireValue
 */

/**
 * Least number of bytes for the tag, the length and the varint of a field; 1 is the normal form, 10 the most there is.
 * @typedef {{ tag?: number, length?: number, varint?: number }} Widths
 */

const MASK_64 = (1n << 64n) - 1n;

/**
 * @param {bigint | number} value negative ones are written as their 64-bit two's complement
 * @param {number} [width] least number of bytes; what the value does not need is filled with zero bits
 * @returns {Uint8Array}
 */
export function varint(value, width = 1) {
  /** @type {number[]} */
  const bytes = [];
  let rest = BigInt(value) & MASK_64;
  while (rest > 0x7fn || bytes.length < width - 1) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/**
 * @param {number} number
 * @param {Wire} wire
 * @param {WireValue} value
 * @param {Widths} [widths]
 * @returns {Uint8Array} tag and value
 */
export function field(number, wire, value, widths = {}) {
  const head = tag(number, wire, widths.tag);
  switch (wire) {
    case 0:
      return message([head, varint(asInteger(value), widths.varint)]);
    case 1:
      return message([head, fixed(value, 8)]);
    case 5:
      return message([head, fixed(value, 4)]);
    case 2: {
      const bytes = asBytes(value);
      return message([head, varint(bytes.length, widths.length), bytes]);
    }
    case 3:
      return message([head, asBytes(value), tag(number, 4, widths.tag)]);
    default:
      throw new Error(`there is no wire type ${String(wire)}`);
  }
}

/**
 * @param {readonly Uint8Array[]} fields
 * @returns {Uint8Array} the fields one after the other: a whole message
 */
export function message(fields) {
  const bytes = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of fields) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * @param {number} value
 * @returns {Uint8Array} the four bytes of a float
 */
export function float32(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}

/**
 * @param {string} text
 * @returns {Uint8Array} its UTF-8
 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @param {number} number
 * @param {number} wire
 * @param {number} [width]
 */
function tag(number, wire, width) {
  return varint((BigInt(number) << 3n) | BigInt(wire), width);
}

/**
 * @param {WireValue} value
 * @param {4 | 8} size
 */
function fixed(value, size) {
  if (value instanceof Uint8Array) {
    if (value.length !== size) throw new Error(`${value.length} bytes where ${size} are needed`);
    return value;
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(asInteger(value)) & MASK_64, true);
  return bytes.subarray(0, size);
}

/** @param {WireValue} value */
function asInteger(value) {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  throw new Error('a number is needed');
}

/** @param {WireValue} value */
function asBytes(value) {
  if (typeof value === 'string') return utf8(value);
  if (value instanceof Uint8Array) return value;
  throw new Error('bytes or text are needed');
}

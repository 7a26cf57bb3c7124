// Element types as AscendCL numbers them.

/** @typedef {{ bytes: number, make: (buffer: ArrayBuffer) => ArrayBufferView }} ElementType */

/** Those that a tensor of a session can have. @type {Map<number, ElementType>} */
export const ELEMENT_TYPES = new Map([
  [0, { bytes: 4, make: (buffer) => new Float32Array(buffer) }],
  [1, { bytes: 2, make: (buffer) => new Uint16Array(buffer) }],
  [2, { bytes: 1, make: (buffer) => new Int8Array(buffer) }],
  [3, { bytes: 4, make: (buffer) => new Int32Array(buffer) }],
  [4, { bytes: 1, make: (buffer) => new Uint8Array(buffer) }],
  [6, { bytes: 2, make: (buffer) => new Int16Array(buffer) }],
  [7, { bytes: 2, make: (buffer) => new Uint16Array(buffer) }],
  [8, { bytes: 4, make: (buffer) => new Uint32Array(buffer) }],
  [9, { bytes: 8, make: (buffer) => new BigInt64Array(buffer) }],
  [10, { bytes: 8, make: (buffer) => new BigUint64Array(buffer) }],
  [11, { bytes: 8, make: (buffer) => new Float64Array(buffer) }],
  [12, { bytes: 1, make: (buffer) => new Uint8Array(buffer) }],
  [27, { bytes: 2, make: (buffer) => new Uint16Array(buffer) }],
]);

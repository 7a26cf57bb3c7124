import { ModelFailure } from './failure.js';

/** Layout of aclmdlIODims: a name of 128 bytes, how many extents there are, room for 128 extents. */
const SIZE = 1160;
const COUNT_AT = 128;
const DIMS_AT = 136;
const ROOM = 128;

/** Structures of type aclmdlIODims. */
export class IoDims {
  #view;

  /** @param {number} count how many */
  constructor(count) {
    this.count = count;
    this.bytes = new Uint8Array(SIZE * count);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** @param {readonly number[]} dims */
  static of(dims) {
    const one = new IoDims(1);
    if (dims.length > ROOM) throw new ModelFailure(`${dims.length} extents are more than AscendCL has room for`);
    one.#view.setBigUint64(COUNT_AT, BigInt(dims.length), true);
    for (const [i, dim] of dims.entries()) one.#view.setBigInt64(DIMS_AT + 8 * i, BigInt(dim), true);
    return one;
  }

  /**
   * @param {number} index
   * @returns {number[]} -1 for an extent that is open
   */
  read(index) {
    const start = SIZE * index;
    const count = Number(this.#view.getBigUint64(start + COUNT_AT, true));
    if (count > ROOM) throw new ModelFailure(`a tensor of the model has ${count} dimensions`);
    return Array.from({ length: count }, (_, i) => Number(this.#view.getBigInt64(start + DIMS_AT + 8 * i, true)));
  }
}

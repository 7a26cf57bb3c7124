import { DataBuffer, DeviceMemory, PinnedMemory, Scope } from './handles.js';

/** @typedef {import('./library.js').Acl} Acl */

/**
 * The place of one tensor: memory of the device, memory of the host beside it, and the buffer that tells the model where.
 * Memory is allocated once for a model whose sizes are known, and grows otherwise.
 */
export class Slot {
  #acl;
  #unified;
  /** @type {DeviceMemory | undefined} */
  #device;
  /** @type {DeviceMemory | PinnedMemory | undefined} */
  #host;
  /** @type {readonly [bigint, number] | undefined} */
  #pointed;
  /** Memory that the library has allocated in a run. @type {bigint | null} */
  #given = null;

  /**
   * @param {Acl} acl
   * @param {boolean} unified whether host and device are one
   */
  constructor(acl, unified) {
    this.#acl = acl;
    this.#unified = unified;
    this.buffer = new DataBuffer(acl);
  }

  get device() {
    return this.#device?.pointer ?? 0n;
  }

  get host() {
    return this.#host?.pointer ?? 0n;
  }

  /** Bytes that a copy into or out of the memory of the device may have. */
  get room() {
    return this.#device?.size ?? 0;
  }

  /**
   * Has memory of the host, at least as much as asked for.
   *
   * @param {number} size bytes
   */
  reserveHost(size) {
    if (size <= (this.#host?.size ?? 0)) return;
    const old = this.#host;
    this.#host = undefined;
    old?.free();
    // Where the processor is on the chip, all memory is the device's, and the processor sees it.
    this.#host = this.#unified ? new DeviceMemory(this.#acl, size) : new PinnedMemory(this.#acl, size);
  }

  /**
   * Has memory of both kinds, at least as much as asked for.
   *
   * @param {number} size bytes
   */
  reserve(size) {
    this.reserveHost(size);
    if (size <= this.room) return;
    const old = this.#device;
    this.#device = undefined;
    this.#pointed = undefined;
    old?.free();
    this.#device = new DeviceMemory(this.#acl, size);
  }

  /**
   * Tells the model where the tensor is, and how large.
   *
   * @param {number} size bytes
   */
  point(size) {
    const [address, known] = this.#pointed ?? [];
    if (address === this.device && known === size) return;
    this.buffer.point(this.device, size);
    this.#pointed = [this.device, size];
  }

  /** Where the library has put a tensor of unknown size; it is to be freed after the run. */
  takeGiven() {
    this.#given = this.buffer.address();
    return this.#given;
  }

  /** Frees what the library has allocated, and lets it allocate again. */
  freeGiven() {
    // A run that failed may have come as far as allocating.
    const address = this.#given ?? this.buffer.address();
    this.#given = null;
    if (address === null) return;
    const scope = new Scope();
    scope.own({ free: () => this.buffer.point(null, 0) });
    scope.own({ free: () => this.#acl.call('aclrtFree', address) });
    scope.free();
  }

  free() {
    const scope = new Scope();
    scope.own(this.buffer);
    if (this.#device !== undefined) scope.own(this.#device);
    if (this.#host !== undefined) scope.own(this.#host);
    scope.free();
  }
}

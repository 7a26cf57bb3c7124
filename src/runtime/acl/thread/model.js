// One model on the device, with the memory of its inputs and outputs.
import { ModelFailure } from './failure.js';
import { GEAR_INPUT, readGears, setGear } from './gears.js';
import { DataSet, Description, LoadedModel, Scope, Stream, TensorDescription } from './handles.js';
import { IoDims } from './io-dims.js';
import { byteSize, readInputs, readOutputs } from './ports.js';
import { Slot } from './slot.js';
import { ELEMENT_TYPES } from './types.js';

/**
 * @typedef {import('./library.js').Acl} Acl
 * @typedef {import('./gears.js').Gear} Gear
 * @typedef {{ dims: readonly number[], data: ArrayBufferView }} Tensor
 * @typedef {{ h2d: number, execute: number, d2h: number }} Timings milliseconds
 */

/** Directions of copies. Where host and device are one, both are from device to device. */
const TO_DEVICE = 1;
const TO_HOST = 2;
const WITHIN_DEVICE = 3;

/** A model that is loaded and has its memory. */
export class DeviceModel {
  #acl;
  #scope = new Scope();
  #unified;
  #timeoutMs;
  /** @type {Stream} */
  #stream;
  /** @type {LoadedModel} */
  #model;
  /** @type {Description} */
  #description;
  #inputs;
  #outputs;
  /** @type {DataSet} */
  #inputSet;
  /** @type {DataSet} */
  #outputSet;
  /** @type {Slot[]} */
  #inputSlots;
  /** @type {Slot[]} */
  #outputSlots;
  /** Place of the input for the gear; -1 where there is none. */
  #gearInput;

  /**
   * @param {Acl} acl
   * @param {string} path
   * @param {{ unified: boolean, timeoutMs: number | undefined }} options
   */
  constructor(acl, path, { unified, timeoutMs }) {
    this.#acl = acl;
    this.#unified = unified;
    this.#timeoutMs = timeoutMs;
    const scope = this.#scope;
    try {
      this.#stream = scope.own(new Stream(acl));
      this.#model = scope.own(new LoadedModel(acl, path));
      this.#description = scope.own(new Description(acl));
      this.#description.fill(this.#model);
      this.#inputs = readInputs(acl, this.#description.pointer);
      this.#outputs = readOutputs(acl, this.#description.pointer);
      this.#gearInput = this.#inputs.findIndex(({ name }) => name === GEAR_INPUT);
      this.gears = this.#gearInput === -1 ? undefined : readGears(acl, this.#description.pointer);
      this.#inputSet = scope.own(new DataSet(acl));
      this.#inputSlots = this.#inputs.map(({ size }) => this.#slot(this.#inputSet, size));
      this.#outputSet = scope.own(new DataSet(acl));
      this.#outputSlots = this.#outputs.map(({ size }) => this.#slot(this.#outputSet, size));
    } catch (error) {
      scope.freeQuietly();
      throw error;
    }
  }

  /** What callers feed. */
  get inputs() {
    return this.#inputs.filter((_, i) => i !== this.#gearInput).map(({ name, type, dims }) => ({ name, type, dims }));
  }

  get outputs() {
    // With gears, what is told beforehand is the shape of the largest.
    const { gears } = this;
    return this.#outputs.map(({ name, type, dims }) => ({
      name,
      type,
      dims: gears === undefined ? dims : dims.map(() => -1),
    }));
  }

  /**
   * @param {readonly Tensor[]} feeds in the order of `inputs`
   * @param {Gear | undefined} gear
   * @returns {{ outputs: Tensor[], timings: Timings }}
   */
  run(feeds, gear) {
    if (this.#stream.isStuck) {
      throw new ModelFailure('an earlier run did not come to its end, and the device may still be at work');
    }
    try {
      const start = performance.now();
      this.#copyIn(feeds);
      const copied = performance.now();
      const isOpen = this.#execute(feeds, gear);
      const executed = performance.now();
      const outputs = this.#copyOut(isOpen);
      const end = performance.now();
      return { outputs, timings: { h2d: copied - start, execute: executed - copied, d2h: end - executed } };
    } catch (error) {
      this.#drain();
      throw error;
    } finally {
      this.#freeGivenMemory();
    }
  }

  free() {
    const last = new Scope();
    last.own(this.#scope);
    // Work that never ends must not outlive the memory that it uses.
    if (this.#stream.isStuck) last.own(this.#stream);
    last.free();
  }

  /**
   * @param {DataSet} set
   * @param {number} size bytes; 0 when nobody knows before a run
   */
  #slot(set, size) {
    const slot = this.#scope.own(new Slot(this.#acl, this.#unified));
    set.add(slot.buffer);
    if (size > 0) {
      slot.reserve(size);
      slot.point(size);
    }
    return slot;
  }

  /** @param {readonly Tensor[]} feeds */
  #copyIn(feeds) {
    const places = this.#inputs.flatMap((port, i) =>
      i === this.#gearInput ? [] : [{ port, slot: this.#inputSlots[i] }],
    );
    for (const [i, { port, slot }] of places.entries()) {
      const feed = feeds[i];
      if (slot === undefined || feed === undefined) throw new ModelFailure(`'${port.name}' has no tensor`);
      const { byteLength: bytes } = feed.data;
      if (port.size > 0 && bytes > port.size) {
        throw new ModelFailure(`'${port.name}' takes ${port.size} bytes, and ${bytes} were given`);
      }
      // A model of fixed shapes may want padding behind the elements; one of open shapes wants what there is.
      slot.reserve(Math.max(bytes, 1));
      slot.point(port.isOpen ? bytes : port.size);
      this.#acl.copy(slot.host, feed.data, bytes);
      if (bytes > 0) this.#copy(slot.device, slot.room, slot.host, bytes, TO_DEVICE);
    }
    this.#stream.synchronize(this.#timeoutMs);
  }

  /**
   * @param {readonly Tensor[]} feeds
   * @param {Gear | undefined} gear
   * @returns {boolean} whether the shapes of the outputs were open until now
   */
  #execute(feeds, gear) {
    const acl = this.#acl;
    const { id } = this.#model;
    if (gear !== undefined) setGear(acl, id, this.#inputSet.pointer, this.#gearInput, gear);
    const isOpen = gear === undefined && [...this.#inputs, ...this.#outputs].some((port) => port.isOpen);
    if (isOpen) {
      for (const [i, { isOpen: open, type, format }] of this.#inputs.entries()) {
        if (open) this.#describe(i, type, feeds[i]?.dims ?? [], format);
      }
      // Only here does the library allocate what nobody could know the size of.
      acl.call('aclmdlExecute', id, this.#inputSet.pointer, this.#outputSet.pointer);
    } else {
      acl.call('aclmdlExecuteAsync', id, this.#inputSet.pointer, this.#outputSet.pointer, this.#stream.pointer);
      this.#stream.synchronize(this.#timeoutMs);
    }
    return isOpen;
  }

  /**
   * @param {number} index
   * @param {number} type
   * @param {readonly number[]} dims
   * @param {number} format
   */
  #describe(index, type, dims, format) {
    const description = new TensorDescription(this.#acl, type, dims, format);
    try {
      this.#acl.call('aclmdlSetDatasetTensorDesc', this.#inputSet.pointer, description.pointer, index);
    } finally {
      description.free();
    }
  }

  /**
   * @param {boolean} isOpen
   * @returns {Tensor[]}
   */
  #copyOut(isOpen) {
    const pending = this.#outputs.map((port, i) => {
      const dims = this.#outputDims(port.dims, i, isOpen);
      const bytes = byteSize(dims, port.elementBytes);
      const slot = /** @type {Slot} */ (this.#outputSlots[i]);
      // The library has allocated what nobody knew the size of.
      const isGiven = port.size === 0;
      const address = isGiven ? slot.takeGiven() : slot.device;
      const room = isGiven ? slot.buffer.size() : slot.room;
      if (address === null || bytes > room) {
        throw new ModelFailure(
          `'${port.name}' has ${bytes} bytes, but there is room for ${address === null ? 0 : room}`,
        );
      }
      slot.reserveHost(Math.max(bytes, 1));
      if (bytes > 0) this.#copy(slot.host, bytes, address, bytes, TO_HOST);
      return { dims, bytes, slot, type: port.type };
    });
    this.#stream.synchronize(this.#timeoutMs);
    return pending.map(({ dims, bytes, slot, type }) => {
      const buffer = new ArrayBuffer(bytes);
      this.#acl.copy(new Uint8Array(buffer), slot.host, bytes);
      const data = ELEMENT_TYPES.get(type)?.make(buffer) ?? new Uint8Array(buffer);
      return { dims, data };
    });
  }

  /**
   * @param {number[]} known
   * @param {number} index
   * @param {boolean} isOpen
   */
  #outputDims(known, index, isOpen) {
    const dims = isOpen
      ? openOutputDims(this.#acl, this.#outputSet.pointer, index)
      : this.gears === undefined
        ? known
        : currentOutputDims(this.#acl, this.#description.pointer, index);
    if (dims.length === known.length && dims.every((dim) => dim >= 0)) return dims;
    throw new ModelFailure(`output ${index} has the shape [${dims.join(',')}] after the run`);
  }

  /**
   * @param {bigint} target
   * @param {number} room bytes at the target
   * @param {bigint | null} source
   * @param {number} count bytes
   * @param {number} direction
   */
  #copy(target, room, source, count, direction) {
    const kind = this.#unified ? WITHIN_DEVICE : direction;
    this.#acl.call('aclrtMemcpyAsync', target, room, source, count, kind, this.#stream.pointer);
  }

  /** Waits for what a failed run has begun, so that the memory is nobody's but ours again. */
  #drain() {
    if (this.#stream.isStuck) return;
    try {
      this.#stream.synchronize(this.#timeoutMs);
    } catch {
      // The stream remembers that it is stuck.
    }
  }

  /** Frees what the library allocated for outputs of unknown size. */
  #freeGivenMemory() {
    const scope = new Scope();
    for (const [i, { size }] of this.#outputs.entries()) {
      const slot = this.#outputSlots[i];
      if (size === 0 && slot !== undefined) scope.own({ free: () => slot.freeGiven() });
    }
    scope.free();
  }
}

/**
 * The shape of an output under the gear that was set last.
 *
 * @param {Acl} acl
 * @param {bigint} description
 * @param {number} index
 */
function currentOutputDims(acl, description, index) {
  const dims = new IoDims(1);
  acl.call('aclmdlGetCurOutputDims', description, index, dims.bytes);
  return dims.read(0);
}

/**
 * The shape of an output that only the run has told.
 *
 * @param {Acl} acl
 * @param {bigint} outputs the data set
 * @param {number} index
 */
function openOutputDims(acl, outputs, index) {
  const description = acl.create('aclmdlGetDatasetTensorDesc', outputs, index);
  const count = Number(acl.value('aclGetTensorDescNumDims', description));
  return Array.from({ length: count }, (_, i) => {
    const dim = new BigInt64Array(1);
    acl.call('aclGetTensorDescDimV2', description, i, dim);
    return Number(dim[0]);
  });
}

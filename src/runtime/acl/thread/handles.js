// What AscendCL gives out and wants back. Each kind is a class that holds one thing and frees it once.

/** @typedef {import('./library.js').Acl} Acl */
/** @typedef {{ free(): void }} Handle */

/** Large pages where they can be had. */
const HUGE_FIRST = 0;

/** Things to free, the last one first. */
export class Scope {
  /** @type {Handle[]} */
  #handles = [];

  /**
   * @template {Handle} T
   * @param {T} handle
   * @returns {T}
   */
  own(handle) {
    this.#handles.push(handle);
    return handle;
  }

  /** Frees everything, whatever fails on the way, and throws the first failure in the end. */
  free() {
    /** @type {unknown[]} */
    const failures = [];
    for (let handle = this.#handles.pop(); handle !== undefined; handle = this.#handles.pop()) {
      try {
        handle.free();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Frees everything after something else failed: that is what the caller has to hear of. */
  freeQuietly() {
    try {
      this.free();
    } catch {
      // The failure that led here says more.
    }
  }
}

/** This process's use of a device. */
export class DeviceUse {
  #acl;
  #id;

  /**
   * @param {Acl} acl
   * @param {number} id
   */
  constructor(acl, id) {
    this.#acl = acl;
    this.#id = id;
    acl.call('aclrtSetDevice', id);
  }

  free() {
    this.#acl.call('aclrtResetDevice', this.#id);
  }
}

/** A context, current on this thread from the beginning. */
export class Context {
  #acl;
  #pointer;

  /**
   * @param {Acl} acl
   * @param {number} device
   */
  constructor(acl, device) {
    this.#acl = acl;
    this.#pointer = written((out) => acl.call('aclrtCreateContext', out, device));
  }

  free() {
    this.#acl.call('aclrtDestroyContext', this.#pointer);
  }
}

/** A stream of the current context. */
export class Stream {
  #acl;
  #isFreed = false;
  /** Whether work on it may never end. */
  isStuck = false;

  /** @param {Acl} acl */
  constructor(acl) {
    this.#acl = acl;
    this.pointer = written((out) => acl.call('aclrtCreateStream', out));
  }

  /** @param {number | undefined} timeoutMs no limit if not given */
  synchronize(timeoutMs) {
    // What is left behind when this fails nobody knows; it is cleared when it succeeds.
    this.isStuck = true;
    if (timeoutMs === undefined) this.#acl.call('aclrtSynchronizeStream', this.pointer);
    else this.#acl.call('aclrtSynchronizeStreamWithTimeout', this.pointer, timeoutMs);
    this.isStuck = false;
  }

  free() {
    if (this.#isFreed) return;
    this.#isFreed = true;
    const force = this.isStuck && this.#acl.has('aclrtDestroyStreamForce');
    this.#acl.call(force ? 'aclrtDestroyStreamForce' : 'aclrtDestroyStream', this.pointer);
  }
}

/** Memory of the device. */
export class DeviceMemory {
  #acl;

  /**
   * @param {Acl} acl
   * @param {number} size bytes, more than 0
   */
  constructor(acl, size) {
    this.#acl = acl;
    this.size = size;
    this.pointer = written((out) => acl.call('aclrtMalloc', out, size, HUGE_FIRST));
  }

  free() {
    this.#acl.call('aclrtFree', this.pointer);
  }
}

/** Memory of the host that the device copies from and to by itself. */
export class PinnedMemory {
  #acl;

  /**
   * @param {Acl} acl
   * @param {number} size bytes, more than 0
   */
  constructor(acl, size) {
    this.#acl = acl;
    this.size = size;
    this.pointer = written((out) => acl.call('aclrtMallocHost', out, size));
  }

  free() {
    this.#acl.call('aclrtFreeHost', this.pointer);
  }
}

/** What says where the memory of a tensor is. It does not own that memory. */
export class DataBuffer {
  #acl;

  /** @param {Acl} acl */
  constructor(acl) {
    this.#acl = acl;
    this.pointer = acl.create('aclCreateDataBuffer', null, 0);
  }

  /**
   * @param {bigint | null} address
   * @param {number} size
   */
  point(address, size) {
    this.#acl.call('aclUpdateDataBuffer', this.pointer, address, size);
  }

  /** @returns {bigint | null} */
  address() {
    return /** @type {bigint | null} */ (this.#acl.value('aclGetDataBufferAddr', this.pointer));
  }

  size() {
    return Number(this.#acl.value('aclGetDataBufferSizeV2', this.pointer));
  }

  free() {
    this.#acl.call('aclDestroyDataBuffer', this.pointer);
  }
}

/** Buffers in the order of the inputs or outputs of a model. It does not own them. */
export class DataSet {
  #acl;

  /** @param {Acl} acl */
  constructor(acl) {
    this.#acl = acl;
    this.pointer = acl.create('aclmdlCreateDataset');
  }

  /** @param {DataBuffer} buffer */
  add(buffer) {
    this.#acl.call('aclmdlAddDatasetBuffer', this.pointer, buffer.pointer);
  }

  free() {
    this.#acl.call('aclmdlDestroyDataset', this.pointer);
  }
}

/** The extents of a tensor whose shape the model leaves open. */
export class TensorDescription {
  #acl;

  /**
   * @param {Acl} acl
   * @param {number} type
   * @param {readonly number[]} dims
   * @param {number} format
   */
  constructor(acl, type, dims, format) {
    this.#acl = acl;
    const extents = BigInt64Array.from(dims, BigInt);
    this.pointer = acl.create('aclCreateTensorDesc', type, dims.length, extents, format);
  }

  free() {
    this.#acl.value('aclDestroyTensorDesc', this.pointer);
  }
}

/** A loaded model. */
export class LoadedModel {
  #acl;

  /**
   * @param {Acl} acl
   * @param {string} path
   */
  constructor(acl, path) {
    this.#acl = acl;
    const id = new Uint32Array(1);
    acl.call('aclmdlLoadFromFile', path, id);
    this.id = id[0] ?? 0;
  }

  free() {
    this.#acl.call('aclmdlUnload', this.id);
  }
}

/** What a model tells about itself. */
export class Description {
  #acl;

  /** @param {Acl} acl */
  constructor(acl) {
    this.#acl = acl;
    this.pointer = acl.create('aclmdlCreateDesc');
  }

  /** @param {LoadedModel} model */
  fill(model) {
    this.#acl.call('aclmdlGetDesc', this.pointer, model.id);
  }

  free() {
    this.#acl.call('aclmdlDestroyDesc', this.pointer);
  }
}

/**
 * A pointer that a function writes.
 *
 * @param {(out: BigUint64Array) => void} write
 * @returns {bigint}
 */
function written(write) {
  const out = new BigUint64Array(1);
  write(out);
  return out[0] ?? 0n;
}

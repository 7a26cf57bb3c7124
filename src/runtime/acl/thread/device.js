// One device as this thread uses it: everything happens in one context.
import { DeviceFailure } from './failure.js';
import { Context, DeviceUse, Scope } from './handles.js';
import { DeviceModel } from './model.js';

/** @typedef {import('./library.js').Acl} Acl */

/** Answers of functions that a chip or a version does not have. */
const NOT_SUPPORTED = new Set([200_001, 207_000]);
/** That somebody else in this process has initialised the library. */
const REPEATED = 100_002;

/** Values beyond the range become the largest number: how the sample's own session runs models. */
const SATURATE = 0;

/** What runs where the library runs: a value of aclrtRunMode. */
const ON_DEVICE = 0;

/**
 * Once in a process, before everything else; again does no harm.
 *
 * @param {Acl} acl
 */
export function initialise(acl) {
  const code = acl.value('aclInit', null);
  if (code !== 0 && code !== REPEATED) throw acl.failure('aclInit', Number(code));
  // What it says about the repetition must not be taken for words about a later failure.
  if (code === REPEATED) acl.words();
}

/** A device in use. */
export class Device {
  #acl;
  #scope = new Scope();
  #unified;
  /** @type {Map<number, DeviceModel>} */
  #models = new Map();
  #next = 1;

  /**
   * @param {Acl} acl
   * @param {number} id
   * @param {boolean} isAbandoned whether a thread that used the device has died
   */
  constructor(acl, id, isAbandoned) {
    this.#acl = acl;
    try {
      const count = new Uint32Array(1);
      acl.call('aclrtGetDeviceCount', count);
      if (id >= (count[0] ?? 0)) throw new DeviceFailure(id, count[0] ?? 0);
      if (isAbandoned) reset(acl, id);
      this.#scope.own(new DeviceUse(acl, id));
      this.#scope.own(new Context(acl, id));
      this.#unified = runMode(acl) === ON_DEVICE;
      if (acl.has('aclrtSetDeviceSatMode')) {
        const code = Number(acl.value('aclrtSetDeviceSatMode', SATURATE));
        const failure = code === 0 ? undefined : acl.failure('aclrtSetDeviceSatMode', code);
        if (failure !== undefined && !NOT_SUPPORTED.has(code)) throw failure;
      }
    } catch (error) {
      this.#scope.freeQuietly();
      throw error;
    }
  }

  /**
   * @param {string} path
   * @param {number | undefined} timeoutMs
   */
  load(path, timeoutMs) {
    const model = new DeviceModel(this.#acl, path, { unified: this.#unified, timeoutMs });
    const handle = this.#next++;
    this.#models.set(handle, model);
    return { handle, inputs: model.inputs, outputs: model.outputs, gears: model.gears };
  }

  /** @param {number} handle */
  model(handle) {
    const model = this.#models.get(handle);
    if (model === undefined) throw new Error('the session is closed');
    return model;
  }

  /** @param {number} handle */
  unload(handle) {
    const model = this.model(handle);
    this.#models.delete(handle);
    model.free();
  }

  free() {
    for (const model of this.#models.values()) this.#scope.own(model);
    this.#models.clear();
    this.#scope.free();
  }
}

/** @param {Acl} acl */
function runMode(acl) {
  const mode = new Int32Array(1);
  acl.call('aclrtGetRunMode', mode);
  return mode[0];
}

/**
 * Gives back what a dead thread held. Nobody is left to be told when that fails.
 *
 * @param {Acl} acl
 * @param {number} id
 */
function reset(acl, id) {
  acl.value(acl.has('aclrtResetDeviceForce') ? 'aclrtResetDeviceForce' : 'aclrtResetDevice', id);
  acl.words();
}

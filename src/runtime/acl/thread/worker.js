// The thread of one device. All calls of AscendCL for the device are made here, one after the other.
import { parentPort } from 'node:worker_threads';
import { Device, initialise } from './device.js';
import { loadAcl } from './library.js';

/**
 * @typedef {import('./gears.js').Gear} Gear
 * @typedef {import('./model.js').Tensor} Tensor
 * @typedef {{ id: number, kind: 'library', candidates: string[] }
 *   | { id: number, kind: 'device', device: number, isAbandoned: boolean }
 *   | { id: number, kind: 'load', path: string, timeoutMs?: number }
 *   | { id: number, kind: 'run', handle: number, feeds: Tensor[], gear?: Gear }
 *   | { id: number, kind: 'unload', handle: number }
 *   | { id: number, kind: 'end' }} Request
 */

/** @type {import('./library.js').Acl | undefined} */
let acl;
/** @type {Device | undefined} */
let device;

/**
 * @param {Request} request
 * @returns {Promise<{ result: unknown, transfer?: ArrayBuffer[] }>}
 */
async function handle(request) {
  switch (request.kind) {
    case 'library': {
      acl = await loadAcl(request.candidates);
      initialise(acl);
      return { result: { file: acl.file, soc: acl.socName() } };
    }
    case 'device': {
      if (acl === undefined) throw new Error('the library is not loaded');
      device = new Device(acl, request.device, request.isAbandoned);
      return { result: undefined };
    }
    case 'load':
      return { result: opened().load(request.path, request.timeoutMs) };
    case 'run': {
      const result = opened().model(request.handle).run(request.feeds, request.gear);
      const transfer = result.outputs.map(({ data }) => /** @type {ArrayBuffer} */ (data.buffer));
      return { result, transfer };
    }
    case 'unload':
      opened().unload(request.handle);
      return { result: undefined };
    default: {
      const last = device;
      device = undefined;
      last?.free();
      return { result: undefined };
    }
  }
}

function opened() {
  if (device === undefined) throw new Error('the device is not in use');
  return device;
}

/**
 * @param {object} answer
 * @param {ArrayBuffer[]} transfer
 */
function reply(answer, transfer = []) {
  parentPort?.postMessage(answer, transfer);
}

/** What is being done: requests are taken one after the other. */
let busy = Promise.resolve();

parentPort?.on('message', (/** @type {Request} */ request) => {
  busy = busy
    .then(() => handle(request))
    .then(
      ({ result, transfer }) => reply({ id: request.id, result }, transfer),
      (/** @type {unknown} */ error) => {
        const message = error instanceof Error ? error.message : String(error);
        const details = error instanceof Error && 'details' in error ? error.details : undefined;
        reply({ id: request.id, error: { message, details } });
      },
    );
});

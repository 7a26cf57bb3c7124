// Runs onnxruntime on a thread of its own: creating a session and running it block the thread they are called on.
// Plain JavaScript, so that the thread starts from the sources and from the build alike.
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** @typedef {{ type: string, dims: readonly number[], data: any }} WireTensor */
/**
 * @typedef {{ id: number, kind: 'open', model: string | Uint8Array, options: object }
 *   | { id: number, kind: 'run', feeds: [string, WireTensor][] }
 *   | { id: number, kind: 'close' }} Request
 */

/** @type {InferenceSession | undefined} */
let session;

/** @param {readonly import('onnxruntime-node').InferenceSession.ValueMetadata[]} metadata */
function ports(metadata) {
  return metadata.map((port) => ({
    name: port.name,
    type: port.isTensor ? port.type : 'other',
    shape: port.isTensor ? [...port.shape] : [],
  }));
}

/** @param {Request} request */
async function handle(request) {
  switch (request.kind) {
    case 'open': {
      session = await InferenceSession.create(/** @type {string} */ (request.model), request.options);
      return { inputs: ports(session.inputMetadata), outputs: ports(session.outputMetadata) };
    }
    case 'run': {
      if (session === undefined) throw new Error('the session is closed');
      const feeds = Object.fromEntries(
        request.feeds.map(([name, { type, dims, data }]) => [name, new Tensor(/** @type {any} */ (type), data, dims)]),
      );
      const start = performance.now();
      const results = await session.run(feeds);
      const execute = performance.now() - start;
      return {
        results: Object.entries(results).map(([name, { type, dims, data }]) => [name, { type, dims, data }]),
        execute,
      };
    }
    default: {
      await session?.release();
      session = undefined;
      return undefined;
    }
  }
}

/** @param {object} answer */
function reply(answer) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(answer);
}

/** What is being done: requests are taken one after the other, so that no session is released while it runs. */
let busy = Promise.resolve();

parentPort?.on('message', (/** @type {Request} */ request) => {
  busy = busy
    .then(() => handle(request))
    .then(
      (result) => reply({ id: request.id, result }),
      (/** @type {unknown} */ error) => {
        reply({ id: request.id, error: { message: error instanceof Error ? error.message : String(error) } });
      },
    );
});

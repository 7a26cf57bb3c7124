import { extname } from 'node:path';
import type { Emulation } from '../../passes/lower/context.ts';
import { printable, SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { type AclOptions, openAclSession } from './acl/session.ts';
import { type ConvertOptions, convertingSession } from './convert.ts';
import { type ModelSessionOptions, makeRunnable, openModelSession } from './runnable.ts';
import type { InferenceSession } from './session.ts';

/**
 * What runs a model: `ort` is onnxruntime on the CPU and takes `.onnx` files, `acl` is a device through AscendCL and takes
 * `.om` files.
 */
export type Backend = 'ort' | 'acl';

/** How {@link openSession} opens. What belongs to one backend has no effect on the other. */
export interface OpenSessionOptions extends ModelSessionOptions, ConvertOptions, AclOptions {
  /** Refuse files that are for another backend. Default: the one that the file is for. */
  readonly backend?: Backend;
  /** Round to float16 where the device kernels of plugin operators do. Default `none`. For `ort`. */
  readonly emulate?: Emulation;
  /** Let external data be links. Default false. For `ort`. */
  readonly followLinks?: boolean;
}

const BACKENDS: ReadonlyMap<string, Backend> = new Map([
  ['.onnx', 'ort'],
  ['.om', 'acl'],
]);

/**
 * Loads a model file so that it can be run.
 *
 * An `.onnx` file runs in onnxruntime on the CPU; plugin operators of Ascend are replaced by standard ones on the way, so
 * that a rewritten model runs without a device. A compiled model, an `.om` file, runs on a device through AscendCL; all
 * sessions of a device share one thread. No file is changed.
 *
 * ```ts
 * const session = await openSession('unet.om', { device: 1 });
 * const outputs = await session.run(feeds);
 * await session.close();
 * ```
 *
 * @throws SdgraphError `E_SESSION_LOAD` for a kind of file without a backend, a plugin operator without a standard
 * counterpart, and what the runtime refuses; for `.onnx` the `E_EXTERNAL_*` codes, and what opening the model throws; for
 * `.om` `E_FILE_MISSING`, `E_FILE_READ`, `E_ACL_LIBRARY`, `E_ACL_DEVICE`, `E_ACL_MEMORY`
 */
export async function openSession(path: string, options: OpenSessionOptions = {}): Promise<InferenceSession> {
  const { backend, emulate = 'none', followLinks = false, convert = false, float32Outputs = false, ...rest } = options;
  const kind = extname(path).toLowerCase();
  const found = BACKENDS.get(kind);
  if (found === undefined) throw noBackend(path, kind);
  if (backend !== undefined && backend !== found) throw otherBackend(path, found, backend);
  const { device, library, env, timeoutMs, ...session } = rest;
  if (found === 'acl') {
    const acl = given({ device, library, env, timeoutMs }) as AclOptions;
    return convertingSession(await openAclSession(path, acl), { convert, float32Outputs }, path);
  }
  using model = await openModel(path, { followLinks });
  await makeRunnable(model, emulate);
  return convertingSession(await openModelSession(model, session), { convert, float32Outputs }, path);
}

function noBackend(file: string, kind: string): SdgraphError {
  const found = kind === '' ? 'no ending' : printable(kind);
  const details = { expected: [...BACKENDS.keys()].join(' or '), found };
  return new SdgraphError('E_SESSION_LOAD', 'no backend runs files of this kind', { file }, details);
}

function otherBackend(file: string, found: Backend, expected: Backend): SdgraphError {
  const hint = expected === 'acl' ? 'compile it first' : 'run the .onnx file that it was compiled from';
  return new SdgraphError('E_SESSION_LOAD', 'the file is for another backend', { file }, { expected, found, hint });
}

/** Options that have a value. */
function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

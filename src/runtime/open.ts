import { extname } from 'node:path';
import type { Emulation } from '../../passes/lower/context.ts';
import { printable, SdgraphError } from '../errors.ts';
import { openModel } from '../io/open.ts';
import { type ConvertOptions, convertingSession } from './convert.ts';
import { type ModelSessionOptions, makeRunnable, openModelSession } from './runnable.ts';
import type { InferenceSession } from './session.ts';

/** How {@link openSession} opens. */
export interface OpenSessionOptions extends ModelSessionOptions, ConvertOptions {
  /** Round to float16 where the device kernels of plugin operators do. Default `none`. */
  readonly emulate?: Emulation;
  /** Let external data be links. Default false. */
  readonly followLinks?: boolean;
}

/**
 * Loads a model file so that it can be run. An `.onnx` file runs in onnxruntime on the CPU; plugin operators of Ascend
 * are replaced by standard ones on the way, so that a rewritten model runs without a device. The file is not changed.
 *
 * ```ts
 * const session = await openSession('unet_md.onnx');
 * const outputs = await session.run(feeds);
 * await session.close();
 * ```
 *
 * @throws SdgraphError `E_SESSION_LOAD` for a kind of file without a backend, a plugin operator without a standard
 * counterpart, and what onnxruntime refuses; the `E_EXTERNAL_*` codes, and what opening the model throws
 */
export async function openSession(path: string, options: OpenSessionOptions = {}): Promise<InferenceSession> {
  const { emulate = 'none', followLinks = false, convert = false, float32Outputs = false, ...session } = options;
  const kind = extname(path).toLowerCase();
  if (kind !== '.onnx') throw noBackend(path, kind);
  using model = await openModel(path, { followLinks });
  await makeRunnable(model, emulate);
  return convertingSession(await openModelSession(model, session), { convert, float32Outputs }, path);
}

function noBackend(file: string, kind: string): SdgraphError {
  if (kind === '.om') {
    const hint = 'verify the .onnx file that it was compiled from';
    return new SdgraphError(
      'E_SESSION_LOAD',
      'an .om model needs the acl backend, which this version does not have',
      { file },
      { hint },
    );
  }
  const found = kind === '' ? 'no ending' : printable(kind);
  return new SdgraphError(
    'E_SESSION_LOAD',
    'no backend runs files of this kind',
    { file },
    { expected: '.onnx', found },
  );
}

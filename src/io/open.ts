import { dirname } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { decodeModel } from '../ir/decode.ts';
import type { Model } from '../ir/model.ts';
import { FileSource, MemorySource } from '../wire/source.ts';
import { ExternalFiles } from './external-files.ts';

/** How {@link openModel} opens. */
export interface OpenOptions {
  /** Let external data be links, also to files outside the folder of the model, as download caches have them. Default false. */
  readonly followLinks?: boolean;
}

/**
 * Opens a model: reads its structure and leaves weights where they are, inside the file or in external ones. The model
 * holds the file open until `model.close()`.
 *
 * ```ts
 * const model = await openModel('unet/unet.onnx');
 * for (const node of model.graph.nodesOf('Softmax')) console.log(node.name);
 * model.close();
 * ```
 *
 * @param source a path, or the bytes of a model without external data
 * @throws SdgraphError `E_FILE_MISSING`, `E_FILE_READ`, `E_NOT_ONNX`, `E_TENSOR_DIMS`, and the `E_WIRE_*` codes
 */
export async function openModel(source: string | Uint8Array, options: OpenOptions = {}): Promise<Model> {
  if (typeof source !== 'string') return decode(() => decodeModel(new MemorySource(source)));
  const file = FileSource.open(source);
  const external = new ExternalFiles(dirname(source), options);
  try {
    return decode(() => decodeModel(file, external));
  } catch (error) {
    file.close();
    external.close();
    throw error;
  }
}

/** Bytes that are no protobuf are mostly another file than was meant, so a failure to read them says so. */
function decode(read: () => Model): Model {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SdgraphError && error.code.startsWith('E_WIRE_') && error.hint === undefined)) throw error;
    const { code, reason, where, expected, found } = error;
    const hint = 'the file is damaged, cut off, or no ONNX model';
    const facts = { ...(expected === undefined ? {} : { expected }), ...(found === undefined ? {} : { found }) };
    throw new SdgraphError(code, reason, where, { ...facts, hint, cause: error });
  }
}

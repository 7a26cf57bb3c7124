import { FileSource } from '../../wire/source.ts';
import { HEAD_SIZE, recognise } from './containers.ts';

/**
 * Whether a file is to be read as a compiled model: by its first bytes, else by its name, so that a damaged `unet.om` is
 * called a damaged OM. An ONNX model is one under any name.
 *
 * @throws SdgraphError `E_FILE_MISSING`, `E_FILE_READ`
 */
export function isOmFile(path: string): boolean {
  const file = FileSource.open(path);
  try {
    const container = recognise(file.read(0, Math.min(HEAD_SIZE, file.size)), path);
    if (container === 'om' || container === 'exeom' || container === 'om2') return true;
    return container !== 'onnx' && /\.(?:om|exeom)$/iu.test(path);
  } finally {
    file.close();
  }
}

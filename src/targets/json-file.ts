import { type ErrorCode, printable, SdgraphError } from '../errors.ts';
import { FileSource } from '../wire/source.ts';

/** Largest JSON file that is read: profiles and token lists are a few kilobytes. */
const MAX_BYTES = 16 << 20;

/**
 * The value in a JSON file (UTF-8, a byte order mark is allowed). Nothing is said about its shape.
 *
 * @param code the error for a file that is too large or is not JSON
 * @throws SdgraphError `code`; `E_FILE_MISSING` and `E_FILE_READ` as the file system has it.
 */
export function readJsonFile(path: string, code: ErrorCode): unknown {
  const source = FileSource.open(path);
  try {
    if (source.size > MAX_BYTES) {
      throw new SdgraphError(
        code,
        'the file is too large',
        { file: path },
        { expected: `at most ${MAX_BYTES} bytes`, found: `${source.size}` },
      );
    }
    return parse(source.read(0, source.size), path, code);
  } finally {
    source.close();
  }
}

function parse(bytes: Uint8Array, path: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    const found = cause instanceof SyntaxError ? printable(cause.message) : 'bytes that are not UTF-8';
    throw new SdgraphError(code, 'the file is not JSON', { file: path }, { found, cause });
  }
}

/** Bytes that are looked at to tell what a file is. */
export const HEAD_SIZE = 256;

/** What a file is, by its first bytes. */
export type OmContainer = 'om' | 'exeom' | 'om2' | 'lfs-pointer' | 'onnx' | 'unknown';

/**
 * Tells what a file is from its first bytes (up to {@link HEAD_SIZE}). Models for nano chips share the first word with
 * other OM files; only their extension tells them apart.
 */
export function recognise(head: Uint8Array, file: string): OmContainer {
  if (startsWith(head, 'IMOD')) return /\.exeom$/iu.test(file) ? 'exeom' : 'om';
  if (startsWith(head, 'PK\u0003\u0004')) return 'om2';
  if (/^version [^\n]*git-lfs/u.test(Buffer.from(head).toString('latin1'))) return 'lfs-pointer';
  return isOnnx(head) ? 'onnx' : 'unknown';
}

function startsWith(head: Uint8Array, text: string): boolean {
  return Buffer.from(head.subarray(0, text.length)).toString('latin1') === text;
}

/** An ONNX file begins with its IR version, a small number, followed by another field of the model. */
function isOnnx(head: Uint8Array): boolean {
  const [tag, version = 0, next = 0] = head;
  return tag === 0x08 && version > 0 && version < 0x40 && next >> 3 > 1 && next >> 3 <= 26 && [0, 2].includes(next & 7);
}

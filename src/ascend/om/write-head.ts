import { encodeText } from '../../wire/text.ts';
import { HEADER_SIZE } from './header.ts';

/** Lengths from here on need 64-bit tables. */
const TWO_32 = 2 ** 32;
const MAX_NAME = 31;
const PLATFORM = '1.11.z.0';
/** Models of inference chips. */
const PLATFORM_MINI = 1;
const VERSION = 0x2000_0000;
const OM_IR_VERSION = 2;

/** What a table says of a partition. */
interface Entry {
  readonly type: number;
  readonly size: number;
}

/** Everything of a file with one model that stands before its partitions: header and table. */
export function encodeHead(name: string, parts: readonly Entry[]): Uint8Array {
  const contents = parts.reduce((sum, { size }) => sum + size, 0);
  const isWide = 4 + 12 * parts.length + contents >= TWO_32;
  const table = encodeTable(parts, isWide);
  const head = new Uint8Array(HEADER_SIZE + table.length);
  head.set(encodeHeader(name, table.length + contents, isWide));
  head.set(table, HEADER_SIZE);
  return head;
}

function encodeTable(parts: readonly Entry[], isWide: boolean): Uint8Array {
  const table = new Uint8Array(isWide ? 8 + 24 * parts.length : 4 + 12 * parts.length);
  const view = new DataView(table.buffer);
  view.setUint32(0, parts.length, true);
  let offset = 0;
  for (const [i, { type, size }] of parts.entries()) {
    const at = isWide ? 8 + 24 * i : 4 + 12 * i;
    view.setUint32(at, type, true);
    if (isWide) {
      view.setBigUint64(at + 8, BigInt(offset), true);
      view.setBigUint64(at + 16, BigInt(size), true);
    } else {
      view.setUint32(at + 4, offset, true);
      view.setUint32(at + 8, size, true);
    }
    offset += size;
  }
  return table;
}

function encodeHeader(name: string, payload: number, isWide: boolean): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  header.set(encodeText('IMOD'));
  view.setUint32(4, HEADER_SIZE, true);
  view.setUint32(8, VERSION, true);
  if (!isWide) view.setUint32(76, payload, true);
  header.set(encodeText(name).subarray(0, MAX_NAME), 84);
  view.setUint32(152, OM_IR_VERSION, true);
  view.setUint32(156, 1, true);
  header.set(encodeText(PLATFORM), 160);
  header[180] = PLATFORM_MINI;
  if (isWide) view.setBigUint64(184, BigInt(payload), true);
  return header;
}

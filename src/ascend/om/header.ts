import { decodeText } from '../../wire/text.ts';
import { OmRefusal } from './problems.ts';

/** Bytes of the header. */
export const HEADER_SIZE = 256;

/** A whole number; as decimal text beyond 2^53, where JavaScript's numbers are no longer exact. */
export type OmInteger = number | string;

const MODEL_TYPES = ['ir', 'standard', 'tiny', 'flow', 'lite', 'bundle'] as const;
const VERSION_1 = 0x1000_0000;
const VERSION_2 = 0x2000_0000;

/** The header of an OM file. Facts that the first revision does not have are null there. */
export interface OmHeader {
  readonly version: number;
  /** Layout that the header was read by: 1 until 2020, 2 since. */
  readonly revision: 1 | 2;
  /** Bytes behind the header as a 32-bit number; 0 where `modelLength` counts. */
  readonly length: number;
  /** The same as a 64-bit number; 0 where `length` counts. */
  readonly modelLength: OmInteger;
  readonly isEncrypted: boolean;
  /** Number in the file: 0 says that the loader should compare the checksum, which no known one does. */
  readonly isChecksum: number;
  readonly hasChecksum: boolean;
  readonly modelType: number;
  /** `ir`, `standard`, `tiny`, `flow`, `lite`, `bundle`, or `type N`. */
  readonly modelTypeName: string;
  readonly genMode: number;
  /** At most 31 bytes: longer names are cut. */
  readonly name: string;
  readonly ops: number;
  readonly userDefineInfo: string;
  readonly omIrVersion: number;
  readonly modelNum: number;
  readonly platformVersion: string;
  readonly platformType: number;
  readonly needCheckOsCpuInfo: boolean | null;
  /** Whether the model was compiled for open shapes. */
  readonly isUnknownModel: boolean | null;
}

/** A header and whether its version is one that is known. */
export interface ReadHeader {
  readonly header: OmHeader;
  readonly isKnownVersion: boolean;
  /** Bytes behind the header, exactly. */
  readonly payload: bigint;
}

/**
 * Reads a header from its 256 bytes, magic already checked.
 *
 * @param offset where the header begins, for messages
 * @throws OmRefusal `bad-header-size`
 */
export function readHeader(bytes: Uint8Array, offset: number): ReadHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  const headSize = u32(4);
  if (headSize !== HEADER_SIZE) {
    throw new OmRefusal('bad-header-size', 'the header is of a revision that is not known', {
      offset: offset + 4,
      expected: `${HEADER_SIZE} bytes`,
      found: `${headSize}`,
    });
  }
  const version = u32(8);
  // Before the second revision the bytes of the model number are the platform's text.
  const isFirst = version === VERSION_1;
  const modelLength = isFirst ? 0n : view.getBigUint64(184, true);
  const length = u32(76);
  const modelType = bytes[82] as number;
  return {
    isKnownVersion: isFirst || version === VERSION_2,
    payload: modelLength === 0n ? BigInt(length) : modelLength,
    header: {
      version,
      revision: isFirst ? 1 : 2,
      length,
      modelLength: omInteger(modelLength),
      isEncrypted: bytes[80] === 1,
      isChecksum: bytes[81] as number,
      hasChecksum: bytes.subarray(12, 76).some((byte) => byte !== 0),
      modelType,
      modelTypeName: MODEL_TYPES[modelType] ?? `type ${modelType}`,
      genMode: bytes[83] as number,
      name: fixedText(bytes, 84, 32),
      ops: u32(116),
      userDefineInfo: fixedText(bytes, 120, 32),
      omIrVersion: u32(152),
      // Writers of one model may leave the number at 0.
      modelNum: isFirst ? 1 : Math.max(1, u32(156)),
      platformVersion: fixedText(bytes, isFirst ? 156 : 160, 20),
      platformType: bytes[isFirst ? 176 : 180] as number,
      needCheckOsCpuInfo: isFirst ? null : bytes[192] !== 0,
      isUnknownModel: isFirst ? null : bytes[193] !== 0,
    },
  };
}

/** A 64-bit integer as a report holds it. */
export function omInteger(value: bigint): OmInteger {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Text in a field of fixed size, up to the first NUL. */
function fixedText(bytes: Uint8Array, at: number, size: number): string {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return decodeText(field, 0, end < 0 ? size : end);
}

import type { ByteSource } from '../../wire/source.ts';
import { decodeText } from '../../wire/text.ts';
import { type OmInteger, omInteger } from './header.ts';
import type { OmPartition } from './partitions.ts';
import { OmRefusal } from './problems.ts';
import type { OmGearOutput, OmGears } from './report.ts';
import { formatName, type OmElementType, typeByAcl } from './tensor-types.ts';

/** An input or output as the table states it. */
export interface InoutTensor {
  readonly name: string;
  readonly type: OmElementType | undefined;
  readonly aclType: number;
  readonly format: string;
  readonly shape: readonly number[];
  readonly shapeRange: readonly (readonly OmInteger[])[] | null;
}

/** What the table of inputs and outputs says; hidden inputs are not in it. */
export interface InoutInfo {
  readonly inputs: readonly InoutTensor[];
  readonly outputs: readonly InoutTensor[];
  readonly gears: OmGears | null;
  readonly gearOutputs: readonly OmGearOutput[];
}

/** The table is names and dimensions; megabytes of it are not a table. */
const MAX_SIZE = 16 << 20;
const KIND = { inputs: 0, outputs: 1, batch: 2, image: 3, dims: 4, gearOutputs: 5, order: 6 } as const;
const TENSOR_SIZE = 32;

/**
 * Reads a partition MODEL_INOUT_INFO.
 *
 * @throws OmRefusal `inout-info-invalid`
 */
export function readInoutInfo(source: ByteSource, { offset, size }: OmPartition): InoutInfo {
  if (size > MAX_SIZE) {
    throw new OmRefusal('inout-info-invalid', 'the table of inputs and outputs is too long', {
      offset,
      expected: `at most ${MAX_SIZE} bytes`,
      found: `${size}`,
    });
  }
  const cursor = new Cursor(source.read(offset, size), offset);
  let inputs: readonly InoutTensor[] = [];
  let outputs: readonly InoutTensor[] = [];
  let gears: Omit<OmGears, 'order'> | null = null;
  let gearOutputs: readonly OmGearOutput[] = [];
  let order: readonly string[] = [];
  while (!cursor.isAtEnd) {
    const kind = cursor.u32();
    const record = cursor.part(cursor.u32());
    if (kind === KIND.inputs) inputs = readTensors(record);
    else if (kind === KIND.outputs) outputs = readTensors(record);
    else if (kind === KIND.batch) gears = { kind: 'batch', values: record.i64s(record.u32()).map((value) => [value]) };
    else if (kind === KIND.image || kind === KIND.dims) {
      const counts = record.u32s(record.u32());
      gears = { kind: kind === KIND.image ? 'image' : 'dims', values: counts.map((count) => record.i64s(count)) };
    } else if (kind === KIND.gearOutputs) gearOutputs = readTexts(record).flatMap((text) => gearOutput(text));
    else if (kind === KIND.order) order = readTexts(record);
  }
  return { inputs, outputs, gears: gears === null ? null : { ...gears, order }, gearOutputs };
}

function readTensors(cursor: Cursor): InoutTensor[] {
  const count = cursor.u32();
  cursor.require(count * TENSOR_SIZE);
  const tensors: InoutTensor[] = [];
  for (let i = 0; i < count; i++) {
    cursor.i64s(1); // The size of the buffer, padding included.
    const [format = 0, aclType = 0, nameLength = 0, dimsLength = 0, paddedLength = 0, rangeLength = 0] = cursor.u32s(6);
    const name = cursor.text(nameLength);
    const shape = cursor.i64s(dimsLength / 8).map((dim) => dimension(dim, cursor));
    cursor.i64s(paddedLength / 8);
    const bounds = cursor.i64s(rangeLength / 8);
    const shapeRange = bounds.flatMap((low, at) => (at % 2 === 0 ? [[low, bounds[at + 1] ?? -1]] : []));
    tensors.push({
      name,
      type: typeByAcl(aclType),
      aclType,
      format: formatName(format | 0),
      shape,
      shapeRange: shapeRange.length === 0 ? null : shapeRange,
    });
  }
  return tensors;
}

function dimension(dim: OmInteger, cursor: Cursor): number {
  if (typeof dim === 'number' && dim >= -2) return dim;
  throw cursor.damaged('a dimension is impossible', `${dim}`);
}

function readTexts(cursor: Cursor): string[] {
  return cursor.u32s(cursor.u32()).map((length) => cursor.text(length));
}

/** `gear,output,d0,d1,...`; what is not numbers says nothing. */
function gearOutput(text: string): OmGearOutput[] {
  const numbers = text.split(',').map(Number);
  const [gear, output, ...shape] = numbers;
  if (gear === undefined || output === undefined || !numbers.every(Number.isSafeInteger)) return [];
  return [{ gear, output, shape }];
}

/** Reads numbers and texts one after the other; never beyond the end. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  #at = 0;

  constructor(bytes: Uint8Array, base: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  damaged(message: string, found: string): OmRefusal {
    return new OmRefusal('inout-info-invalid', `the table of inputs and outputs is damaged: ${message}`, {
      offset: this.#base + this.#at,
      found,
    });
  }

  /** Makes sure that so many bytes are left. */
  require(length: number): void {
    if (Number.isInteger(length) && length <= this.#bytes.length - this.#at) return;
    throw this.damaged('a length goes past its end', `${length} bytes`);
  }

  u32(): number {
    this.require(4);
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  u32s(count: number): number[] {
    this.require(count * 4);
    return Array.from({ length: count }, () => this.u32());
  }

  i64s(count: number): OmInteger[] {
    this.require(count * 8);
    return Array.from({ length: count }, () => {
      this.#at += 8;
      return omInteger(this.#view.getBigInt64(this.#at - 8, true));
    });
  }

  text(length: number): string {
    this.require(length);
    this.#at += length;
    return decodeText(this.#bytes, this.#at - length, this.#at);
  }

  part(length: number): Cursor {
    this.require(length);
    const start = this.#at;
    this.#at += length;
    return new Cursor(this.#bytes.subarray(start, this.#at), this.#base + start);
  }
}

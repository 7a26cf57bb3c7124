import type { ByteSource } from '../../wire/source.ts';
import type { OmHeader } from './header.ts';
import { omInteger } from './header.ts';
import { type OmProblem, OmRefusal } from './problems.ts';

/** Partitions by their number in the file. */
export const PARTITION = {
  modelDef: 0,
  weights: 1,
  flowSubmodel: 7,
  inoutInfo: 8,
  bundleModel: 24,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'MODEL_DEF'],
  [1, 'WEIGHTS_DATA'],
  [2, 'TASK_INFO'],
  [3, 'TBE_KERNELS'],
  [4, 'CUST_AICPU_KERNELS'],
  [5, 'SO_BINS'],
  [6, 'FLOW_MODEL'],
  [7, 'FLOW_SUBMODEL'],
  [8, 'MODEL_INOUT_INFO'],
  [9, 'STATIC_TASK_DESC'],
  [10, 'DYNAMIC_TASK_DESC'],
  [11, 'TASK_PARAM'],
  [12, 'TILING_DATA'],
  [20, 'PRE_MODEL_DESC'],
  [21, 'PRE_MODEL_SQE'],
  [22, 'PRE_KERNEL_ARGS'],
  [23, 'PRE_MODEL_DESC_EXTEND'],
  [24, 'BUNDLE_MODEL_INFO'],
  [25, 'BUNDLE_MODEL_VAR_INFO'],
  [26, 'CUSTOM_OPS'],
]);

/** A part of a model. */
export interface OmPartition {
  readonly type: number;
  /** `MODEL_DEF`, ..., or `type N`. */
  readonly name: string;
  /** Offset of its bytes in the file. */
  readonly offset: number;
  readonly size: number;
}

/** The partitions of each model in a file, and what is odd about the tables. */
export interface OmTables {
  readonly models: readonly (readonly OmPartition[])[];
  readonly warnings: readonly OmProblem[];
}

const FLOW = 3;
const BUNDLE = 5;
/** Partitions of one model, and in flows and bundles, which have one for each inner model. */
const MAX_PARTITIONS = 8;
const MAX_INNER = 4097;
/** Models in a file, and partitions of all of them: far above any real file, so that a table cannot fill the memory. */
const MAX_MODELS = 4096;
const MAX_TOTAL = 1 << 16;

/**
 * Reads the partition tables of all models between `start` and `end`; nothing of the partitions themselves.
 *
 * @throws OmRefusal `table-count`, `table-outside`, `partition-outside`, `payload-rest`, `limit`
 */
export function readTables(source: ByteSource, header: OmHeader, start: number, end: number): OmTables {
  const models: OmPartition[][] = [];
  const warnings: OmProblem[] = [];
  if (header.modelNum > MAX_MODELS) {
    throw new OmRefusal('limit', 'the header states more models than any real file has', {
      expected: `at most ${MAX_MODELS}`,
      found: `${header.modelNum}`,
    });
  }
  let cursor = start;
  let total = 0;
  for (let i = 0; i < header.modelNum; i++) {
    const partitions = readTable(source, header, cursor, end, warnings);
    total += partitions.length;
    if (total > MAX_TOTAL) throw new OmRefusal('limit', 'the file has too many partitions', { offset: cursor });
    const last = partitions.at(-1) as OmPartition;
    cursor = last.offset + last.size;
    models.push(partitions);
  }
  if (cursor !== end) {
    const facts = { offset: cursor, found: `${end - cursor} bytes` };
    const message = 'bytes are left over behind the last partition';
    if (header.modelNum > 1) throw new OmRefusal('payload-rest', message, facts);
    warnings.push({ id: 'payload-rest', message, ...facts });
  }
  return { models, warnings };
}

function readTable(
  source: ByteSource,
  header: OmHeader,
  start: number,
  end: number,
  warnings: OmProblem[],
): OmPartition[] {
  const isWide = header.modelLength !== 0 || header.modelType === FLOW;
  const headSize = isWide ? 8 : 4;
  const entrySize = isWide ? 24 : 12;
  if (end - start < headSize) throw outside(start);
  const count = viewOf(source.read(start, 4)).getUint32(0, true);
  const most = header.modelType === FLOW || header.modelType === BUNDLE ? MAX_INNER : MAX_PARTITIONS;
  if (count === 0 || count > most) {
    throw new OmRefusal('table-count', 'a table states an impossible number of partitions', {
      offset: start,
      expected: `1 to ${most}`,
      found: `${count}`,
    });
  }
  const base = start + headSize + count * entrySize;
  if (base >= end) throw outside(start);
  const table = viewOf(source.read(start + headSize, count * entrySize));
  const partitions: OmPartition[] = [];
  const types = new Set<number>();
  let offset = base;
  for (let i = 0; i < count; i++) {
    const at = i * entrySize;
    const type = table.getUint32(at, true);
    const stated = isWide ? table.getBigUint64(at + 8, true) : BigInt(table.getUint32(at + 4, true));
    const size = isWide ? table.getBigUint64(at + 16, true) : BigInt(table.getUint32(at + 8, true));
    const name = partitionName(type);
    if (size > BigInt(end - offset)) {
      throw new OmRefusal('partition-outside', `partition ${name} reaches beyond the end of the file`, {
        offset: start + headSize + at,
        expected: `at most ${end - offset} bytes`,
        found: `${size}`,
      });
    }
    // Bundles count from the table, everything else from the first byte behind it.
    const isPlaced =
      stated === BigInt(offset - base) || (header.modelType === BUNDLE && stated === BigInt(offset - start));
    if (!isPlaced) {
      warnings.push({
        id: 'partition-offset',
        message: `partition ${name} is not where its table says; loaders go by the sizes`,
        offset: start + headSize + at,
        expected: `${offset - base}`,
        found: `${omInteger(stated)}`,
      });
    }
    if (types.has(type) && type !== PARTITION.flowSubmodel && type !== PARTITION.bundleModel) {
      warnings.push({ id: 'duplicate-partition', message: `a model has two partitions ${name}`, offset });
    }
    types.add(type);
    partitions.push({ type, name, offset, size: Number(size) });
    offset += Number(size);
  }
  return partitions;
}

/** The name of a partition type. */
function partitionName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

function outside(offset: number): OmRefusal {
  return new OmRefusal('table-outside', 'a partition table does not fit in the file, or leaves no room for data', {
    offset,
  });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

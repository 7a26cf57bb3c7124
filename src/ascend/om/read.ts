import { printable, SdgraphError } from '../../errors.ts';
import { type ByteSource, FileSource } from '../../wire/source.ts';
import type { AttributeNames } from './attributes.ts';
import { checkModelFacts } from './checks.ts';
import { HEAD_SIZE, type OmContainer, recognise } from './containers.ts';
import { HEADER_SIZE, type OmHeader, type ReadHeader, readHeader } from './header.ts';
import { type InoutInfo, readInoutInfo } from './inout-info.ts';
import { gearsOf, inputsOf, isOpen, outputsOf, text } from './interface.ts';
import { type ModelDef, readModelDef } from './model-def.ts';
import { type OmPartition, PARTITION, readTables } from './partitions.ts';
import { type OmProblem, OmRefusal, problemOf } from './problems.ts';
import { isBytes, ProtoBudget, ProtoWalk } from './proto.ts';
import type { OmDepth, OmInner, OmModel, OmReport } from './report.ts';

/** How {@link readOm} reads. */
export interface OmOptions {
  /**
   * `header`: header and partition tables, a few kilobytes of any file. `interface` (the default): also inputs, outputs
   * and what the model says of itself. `full`: also the list of operators, and every message looked at.
   */
  readonly depth?: OmDepth;
}

/** Whole files inside of files: a bundle of flows at most. */
const MAX_NESTING = 3;
/** Kinds of models that are nothing without a graph: plain ones and flows. */
const NEEDS_GRAPH: ReadonlySet<number> = new Set([0, 3]);
/** Warnings that are kept; a table can be wrong in thousands of places. */
const MAX_WARNINGS = 100;

const FRAMEWORKS: ReadonlyMap<string, string> = new Map([
  ['0', 'Caffe'],
  ['1', 'MindSpore'],
  ['3', 'Tensorflow'],
  ['5', 'Onnx'],
]);

/**
 * Reads what an OM file says of itself; weights and kernels are never read. Whatever is wrong with the content is in
 * the report (`problem`, `warnings`), not thrown.
 *
 * @param source a path, or bytes that stay open
 * @throws SdgraphError only when there are no bytes to read: `E_FILE_MISSING`, `E_FILE_READ`, `E_FILE_CHANGED`,
 * `E_MODEL_CLOSED`
 *
 * @example
 * readOm('unet.om').models[0]?.inputs // [{ name: 'sample', dtype: 'FLOAT', shape: [2, 4, 64, 64], … }]
 */
export function readOm(source: string | ByteSource, { depth = 'interface' }: OmOptions = {}): OmReport {
  if (typeof source !== 'string') return new OmReader(source, depth).read(0, source.size, 0);
  const file = FileSource.open(source);
  try {
    return new OmReader(file, depth).read(0, file.size, 0);
  } finally {
    file.close();
  }
}

/**
 * Reads an OM file as {@link readOm}, and throws when it is refused.
 *
 * @throws SdgraphError `E_OM`, and what {@link readOm} throws
 */
export function openOm(source: string | ByteSource, options: OmOptions = {}): OmReport {
  const report = readOm(source, options);
  if (report.problem !== null) throw omError(report.file, report.problem);
  return report;
}

/** The error that a refused file ends in: `E_OM`. */
export function omError(file: string, problem: OmProblem): SdgraphError {
  const { id, message, offset, expected, found, hint } = problem;
  return new SdgraphError(
    'E_OM',
    `${printable(message)} [${id}]`,
    { file, ...(offset === undefined ? {} : { offset }) },
    {
      ...(expected === undefined ? {} : { expected: printable(expected) }),
      ...(found === undefined ? {} : { found: printable(found) }),
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

/** What is gathered while a file is read; what is there when reading stops is the report. */
interface Draft {
  container: OmContainer;
  header: OmHeader | null;
  warnings: OmProblem[];
  models: OmModel[];
  inner: OmInner[];
}

class OmReader {
  readonly #source: ByteSource;
  readonly #depth: OmDepth;
  readonly #walk: ProtoWalk;

  constructor(source: ByteSource, depth: OmDepth) {
    this.#source = source;
    this.#depth = depth;
    this.#walk = new ProtoWalk(source, new ProtoBudget());
  }

  /** Reads the file in [start, end): the whole source, or a file inside of it. */
  read(start: number, end: number, nesting: number): OmReport {
    const draft: Draft = { container: 'unknown', header: null, warnings: [], models: [], inner: [] };
    let problem: OmProblem | null = null;
    try {
      this.#fill(draft, start, end, nesting);
    } catch (error) {
      problem = problemOf(error, 'model-def-invalid');
    }
    return {
      file: this.#source.label,
      bytes: end - start,
      depth: this.#depth,
      problem,
      ...draft,
      warnings: draft.warnings.slice(0, MAX_WARNINGS),
    };
  }

  #fill(draft: Draft, start: number, end: number, nesting: number): void {
    const head = this.#source.read(start, Math.min(HEAD_SIZE, end - start));
    draft.container = recognise(head, this.#source.label);
    requireOm(draft.container, head, end - start);
    const { header, isKnownVersion, payload } = readHeader(head, start);
    draft.header = header;
    if (!isKnownVersion) {
      draft.warnings.push({
        id: 'unknown-version',
        message: 'the version of the header is not known; it is read as the newest',
        offset: start + 8,
        found: `0x${header.version.toString(16)}`,
      });
    }
    requireSize({ header, isKnownVersion, payload }, end - start);
    if (header.isEncrypted) {
      draft.warnings.push({ id: 'encrypted', message: 'the model is encrypted: nothing but the header can be read' });
      return;
    }
    const tables = readTables(this.#source, header, start + HEADER_SIZE, end);
    draft.warnings.push(...tables.warnings);
    draft.models.push(...tables.models.map((partitions) => emptyModel(partitions)));
    if (this.#depth === 'header') return;
    this.#readModels(draft, header);
    for (const partition of tables.models.flat()) this.#readInner(partition, draft, nesting);
  }

  #readModels(draft: Draft, header: OmHeader): void {
    let root: AttributeNames | undefined;
    for (const [i, { partitions }] of draft.models.entries()) {
      const partition = find(partitions, PARTITION.modelDef);
      if (partition === undefined || partition.size === 0) {
        if (!NEEDS_GRAPH.has(header.modelType)) continue;
        throw new OmRefusal('model-def-missing', 'a model has no description of its graph', {
          ...(partitions[0] === undefined ? {} : { offset: partitions[0].offset }),
        });
      }
      const def = readModelDef(this.#walk, partition, this.#depth, root);
      const info = this.#readInoutInfo(partitions, draft.warnings);
      const model = modelOf(def, partitions, info);
      draft.models[i] = model;
      draft.warnings.push(...checkModelFacts(header, model, def, info, i === 0));
      root ??= def.names;
    }
  }

  #readInoutInfo(partitions: readonly OmPartition[], warnings: OmProblem[]): InoutInfo | undefined {
    const partition = find(partitions, PARTITION.inoutInfo);
    if (partition === undefined) return undefined;
    try {
      return readInoutInfo(this.#source, partition);
    } catch (error) {
      warnings.push(problemOf(error, 'inout-info-invalid'));
      return undefined;
    }
  }

  /** Reads the whole file that a partition of a flow or bundle holds. */
  #readInner({ type, offset, size }: OmPartition, draft: Draft, nesting: number): void {
    let place: { name: string; engine: string; start: number; end: number } | undefined;
    if (type === PARTITION.bundleModel) place = { name: '', engine: '', start: offset, end: offset + size };
    else if (type === PARTITION.flowSubmodel) place = this.#flowSubmodel(offset, offset + size);
    if (place === undefined) return;
    if (nesting >= MAX_NESTING)
      throw new OmRefusal('limit', 'files are nested deeper than in any real one', { offset });
    const { name, engine, start, end } = place;
    const report = this.read(start, end, nesting + 1);
    draft.inner.push({ name, engine, offset: start, report });
    if (report.problem !== null) throw new OmRefusal(report.problem.id, report.problem.message, report.problem);
  }

  #flowSubmodel(start: number, end: number): { name: string; engine: string; start: number; end: number } | undefined {
    let name = '';
    let engine = '';
    let file: { start: number; end: number } | undefined;
    for (const field of this.#walk.fields(start, end)) {
      if (!isBytes(field)) continue;
      if (field.id === 1) name = this.#walk.text(field);
      else if (field.id === 2) engine = this.#walk.text(field);
      else if (field.id === 3) file = { start: field.start, end: field.end };
    }
    return file === undefined ? undefined : { name, engine, ...file };
  }
}

/** What a file is that is no OM, and how it came to be there. */
const REFUSALS = {
  'lfs-pointer': {
    id: 'lfs-pointer',
    message: 'the file is a Git LFS pointer, not the model it stands for',
    hint: 'Fetch the model itself: git lfs pull.',
  },
  om2: { id: 'om2', message: 'the file is a ZIP archive, as OM2 models are; they are not supported' },
  onnx: { id: 'is-onnx', message: 'the file looks like an ONNX model', hint: 'Compile it with ATC first.' },
  exeom: { id: 'exeom', message: 'the file is a model for nano chips; its header is not supported' },
} as const;

function requireOm(container: OmContainer, head: Uint8Array, size: number): void {
  if (container !== 'om' && container !== 'unknown') {
    const { id, message, ...hint } = REFUSALS[container];
    throw new OmRefusal(id, message, hint);
  }
  if (size < HEADER_SIZE) {
    throw new OmRefusal('too-small', 'the file is shorter than the header of an OM', {
      expected: `at least ${HEADER_SIZE} bytes`,
      found: `${size}`,
    });
  }
  if (container === 'om') return;
  throw new OmRefusal('bad-magic', 'the file does not begin as an OM does', {
    expected: '49 4d 4f 44',
    found: [...head.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
  });
}

function requireSize({ header, payload }: ReadHeader, size: number): void {
  const expected = payload + BigInt(HEADER_SIZE);
  if (expected === BigInt(size)) return;
  // Bundles count the header in.
  if (header.modelTypeName === 'bundle' && payload === BigInt(size)) return;
  const isShort = BigInt(size) < expected;
  throw new OmRefusal('size-mismatch', `the file is ${isShort ? 'cut short' : 'longer than its header says'}`, {
    expected: `${expected} bytes`,
    found: `${size}`,
    hint: isShort ? 'Copy or compile the model again.' : 'Something was appended to the file; copy it again.',
  });
}

function find(partitions: readonly OmPartition[], wanted: number): OmPartition | undefined {
  return partitions.find(({ type }) => type === wanted);
}

function emptyModel(partitions: readonly OmPartition[]): OmModel {
  return {
    name: null,
    partitions,
    graphs: [],
    inputs: [],
    outputs: [],
    gears: null,
    gearOutputs: [],
    isDynamic: false,
    socVersion: null,
    frameworkType: null,
    atcVersion: null,
    oppVersion: null,
    atcCmdline: null,
    targetType: null,
    memorySize: null,
    weightSize: null,
    attributes: [],
    operatorCounts: [],
    operators: [],
  };
}

function modelOf(def: ModelDef, partitions: readonly OmPartition[], info: InoutInfo | undefined): OmModel {
  const { attributes } = def;
  const integer = (name: string): OmModel['memorySize'] => {
    const value = attributes.get(name);
    return value?.kind === 'int' ? value.value : null;
  };
  const framework = attributes.get('framework_type');
  const inputs = inputsOf(def, info);
  const outputs = outputsOf(def, info);
  return {
    name: def.name,
    partitions,
    graphs: def.graphs,
    inputs,
    outputs,
    gears: gearsOf(def, info),
    gearOutputs: info?.gearOutputs ?? [],
    isDynamic: [...inputs, ...outputs].some(isOpen),
    socVersion: text(attributes.get('soc_version')),
    frameworkType: framework?.kind === 'int' ? (FRAMEWORKS.get(String(framework.value)) ?? null) : text(framework),
    atcVersion: text(attributes.get('atc_version')),
    oppVersion: text(attributes.get('opp_version')),
    atcCmdline: text(attributes.get('atc_cmdline')),
    targetType: text(attributes.get('target_type')),
    memorySize: integer('memory_size'),
    weightSize: integer('weight_size'),
    attributes: [...attributes].map(([name, value]) => ({ name, ...value })),
    operatorCounts: [...def.counts]
      .map(([type, count]) => ({ type, count }))
      .toSorted((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1)),
    operators: def.operators,
  };
}

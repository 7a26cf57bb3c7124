import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { constantOfNode } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { readNumbers } from '../../src/ir/numbers.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';

/** A tensor as a golden has it: contents only up to 64 KiB, numbers only up to 64 of them. */
export interface GoldenTensor {
  readonly data_type: number;
  readonly dims: readonly number[];
  readonly sha256?: string;
  readonly values?: readonly number[];
}

/** A graph input or output. */
interface GoldenPort {
  readonly name: string;
  readonly elem_type: number;
  readonly dims: readonly (number | string)[];
}

interface GoldenAttribute {
  readonly name: string;
  readonly type: string;
  readonly value: unknown;
}

interface GoldenNode {
  readonly name: string;
  readonly op_type: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly GoldenAttribute[];
}

/** What upstream's script makes of a fixture. */
export interface Golden {
  readonly fixture: string;
  readonly fixture_sha256: string;
  readonly options: {
    readonly FA_soc: 'None' | 'Duo' | 'A2';
    readonly TOME_num: number;
    readonly faster_gelu: boolean;
  };
  readonly ir_version: number;
  readonly opset: readonly (readonly [string, number])[];
  readonly inputs: readonly GoldenPort[];
  readonly outputs: readonly GoldenPort[];
  readonly counts: {
    readonly nodes: number;
    readonly initializers: number;
    readonly by_op_type: Record<string, number>;
  };
  readonly nodes: readonly GoldenNode[];
  readonly initializers: readonly (GoldenTensor & { readonly name: string })[];
}

const FOLDER = fileURLToPath(new URL('../../fixtures/parity/', import.meta.url));

/** Constants that upstream draws unseeded; everything but their contents is compared. */
const RANDOM: ReadonlySet<string> = new Set([
  'tome/Gather_index_a',
  'tome/Gather_index_b',
  'tome/index_a',
  'tome/index_b',
]);

/** Limits up to which a golden records contents. */
const HASHED_BYTES = 65_536;
const LISTED_ELEMENTS = 64;

/** Unpacks a parity fixture into a folder, with a sparse file of weights, and gives the path of the model. */
export function materialize(fixture: string, dir: string): string {
  const path = join(dir, 'unet.onnx');
  writeFileSync(path, gunzipSync(readFileSync(join(FOLDER, fixture, 'unet.onnx.gz'))));
  const meta = JSON.parse(readFileSync(join(FOLDER, fixture, 'meta.json'), 'utf8')) as {
    weights_bin: { bytes: number };
  };
  writeFileSync(join(dir, 'weights.bin'), '');
  truncateSync(join(dir, 'weights.bin'), meta.weights_bin.bytes);
  return path;
}

/** A recorded result, for example `readGolden('sd15', 'Duo-T5-g')`. */
export function readGolden(fixture: string, variant: string): Golden {
  return JSON.parse(
    gunzipSync(readFileSync(join(FOLDER, fixture, 'golden', `${variant}.json.gz`))).toString(),
  ) as Golden;
}

/** The variants of a fixture with a recorded result. */
export function goldenVariants(fixture: string): readonly string[] {
  return readdirSync(join(FOLDER, fixture, 'golden'))
    .map((file) => file.replace('.json.gz', ''))
    .toSorted();
}

/**
 * How a model differs from a golden, one line each; none when they are equal. Node order, metadata and contents of the
 * random token lists do not count. A Constant node counts as the initializer named like its output.
 */
export function compareWithGolden(model: Model, golden: Golden): string[] {
  const actual = describeModel(model);
  const differences: string[] = [];
  const expectEqual = (what: string, found: unknown, wanted: unknown): void => {
    if (canonical(found) !== canonical(wanted))
      differences.push(`${what}: ${canonical(found)} instead of ${canonical(wanted)}`);
  };
  expectEqual('IR version', actual.ir_version, golden.ir_version);
  expectEqual('opsets', actual.opset, golden.opset);
  expectEqual('inputs', actual.inputs, golden.inputs);
  expectEqual('outputs', actual.outputs, golden.outputs);
  expectEqual('counts', actual.counts, golden.counts);
  compareByName('node', actual.nodes, golden.nodes, expectEqual);
  compareByName(
    'initializer',
    actual.initializers.map(withoutRandom),
    golden.initializers.map(withoutRandom),
    expectEqual,
  );
  return differences;
}

function withoutRandom<T extends GoldenTensor & { readonly name: string }>(
  tensor: T,
): T | (GoldenTensor & { name: string }) {
  const { name, data_type, dims } = tensor;
  return RANDOM.has(name) ? { name, data_type, dims } : tensor;
}

function compareByName(
  what: string,
  found: readonly { readonly name: string }[],
  wanted: readonly { readonly name: string }[],
  expectEqual: (what: string, found: unknown, wanted: unknown) => void,
): void {
  const byName = new Map(found.map((each) => [each.name, each]));
  if (byName.size !== found.length) expectEqual(`${what} names`, byName.size, found.length);
  for (const each of wanted) {
    expectEqual(`${what} '${each.name}'`, byName.get(each.name) ?? 'nothing', each);
    byName.delete(each.name);
  }
  for (const [name, each] of byName) expectEqual(`${what} '${name}'`, each, 'nothing');
}

/** The main graph of a model in the form of a golden. */
export function describeModel(model: Model): Omit<Golden, 'fixture' | 'fixture_sha256' | 'options'> {
  const { graph } = model;
  const all = [...graph.nodes];
  const nodes = all.filter(({ opType }) => opType !== 'Constant');
  const initializers = [
    ...graph.initializers.map((value) => ({ name: value.name, ...describeTensor(value.initializer as Tensor) })),
    ...all
      .filter(({ opType }) => opType === 'Constant')
      .map((node) => ({ name: node.output().name, ...describeTensor(constantOfNode(node) as Tensor) })),
  ];
  const byOpType: Record<string, number> = {};
  for (const { opType } of nodes) byOpType[opType] = (byOpType[opType] ?? 0) + 1;
  return {
    ir_version: model.irVersion,
    opset: [...model.opsets],
    inputs: graph.inputs.map(describePort),
    outputs: graph.outputs.map(describePort),
    counts: { nodes: nodes.length, initializers: initializers.length, by_op_type: byOpType },
    nodes: nodes.map((node) => ({
      name: node.name,
      op_type: node.opType,
      ...(node.domain === '' ? {} : { domain: node.domain }),
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
      attributes: node.attributes.map(describeAttribute).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    })),
    initializers,
  };
}

function nameOf(value: Value | undefined): string {
  return value?.name ?? '';
}

function describePort({ name, type }: Value): GoldenPort {
  if (type?.kind !== 'tensor') throw new Error(`'${name}' is no tensor`);
  return { name, elem_type: type.elemType, dims: (type.shape ?? []).map((dim) => dim ?? '?') };
}

function describeTensor(tensor: Tensor): GoldenTensor {
  const { dataType, dims } = tensor;
  const described: GoldenTensor = { data_type: dataType, dims };
  if (tensor.byteLength > HASHED_BYTES) return described;
  const sha256 = createHash('sha256').update(tensor.read()).digest('hex');
  const values = tensor.elementCount <= LISTED_ELEMENTS ? readNumbers(tensor) : undefined;
  return values === undefined ? { ...described, sha256 } : { ...described, sha256, values };
}

function describeAttribute(attribute: Attribute): GoldenAttribute {
  const { name, type, typeName } = attribute;
  return { name, type: typeName, value: valueOf(attribute, type) };
}

function valueOf(attribute: Attribute, type: number): unknown {
  switch (type) {
    case AttributeType.INT:
      return Number(attribute.int);
    case AttributeType.FLOAT:
      return attribute.float;
    case AttributeType.STRING:
      return attribute.string;
    case AttributeType.INTS:
      return attribute.ints.map(Number);
    case AttributeType.FLOATS:
      return attribute.floats;
    case AttributeType.TENSOR:
      return describeTensor(attribute.tensor);
    default:
      throw new Error(`attribute '${attribute.name}' has the type ${attribute.typeName}`);
  }
}

/** JSON with the members of objects in order of their names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

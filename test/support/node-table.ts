import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { typeName } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { readNumbers } from '../../src/ir/numbers.ts';
import type { Tensor } from '../../src/ir/tensor.ts';

const folder = new URL('../../fixtures/onnx-names/', import.meta.url);

/** What of a constant is written down: contents up to this many elements. */
const LISTED = 4;

/** One node of a graph, in words. */
export interface NodeRow {
  readonly op: string;
  readonly name: string;
  /** Names of the values; '' for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Name to contents; floats are rounded to single precision. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** The nodes of a graph in their order. */
export interface NodeTable {
  readonly rows: readonly NodeRow[];
  readonly inputs: ReadonlySet<string>;
}

/** What the exporter wrote for a model of real depth, with the names that its graph inputs have. */
export function recordedTable(path: string, inputs: readonly string[]): NodeTable {
  const rows = lines(`${path}.tsv.gz`).map(([op = '', name = '', ins = '', outs = '', attributes = '']): NodeRow => {
    const pairs = list(attributes).map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), canonical(pair.slice(at + 1))] as const;
    });
    return { op, name, inputs: list(ins), outputs: list(outs), attributes: new Map(pairs) };
  });
  return { rows, inputs: new Set(inputs) };
}

/** Dimensions of the initializers that the exporter wrote for a model of real depth, by name. */
export function recordedInitializers(path: string): ReadonlyMap<string, readonly number[]> {
  return new Map(
    lines(`${path}.initializers.tsv.gz`).map(([name = '', dims = '']) => [name, JSON.parse(dims) as number[]]),
  );
}

function lines(file: string): string[][] {
  const text = gunzipSync(readFileSync(new URL(file, folder))).toString();
  const rows = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return rows.map((line) => line.split('\t'));
}

function list(cell: string): string[] {
  return cell === '' ? [] : cell.split(';');
}

/** The nodes of the main graph of a model. */
export function tableOf(model: Model): NodeTable {
  const rows = Array.from(model.graph.nodes, (node): NodeRow => {
    const { opType: op, name } = node;
    const attributes = new Map(node.attributes.map((attribute) => [attribute.name, canonical(contents(attribute))]));
    const [inputs, outputs] = [node.inputs, node.outputs].map((values) => values.map((value) => value?.name ?? ''));
    return { op, name, inputs: inputs ?? [], outputs: outputs ?? [], attributes };
  });
  return { rows, inputs: new Set(model.graph.inputs.map(({ name }) => name)) };
}

function contents({ type, values }: Attribute): string {
  switch (type) {
    case AttributeType.INT:
      return String(values.i ?? 0n);
    case AttributeType.INTS:
      return `[${(values.ints ?? []).join(', ')}]`;
    case AttributeType.FLOAT:
      return String(values.f ?? 0);
    case AttributeType.FLOATS:
      return `[${(values.floats ?? []).join(', ')}]`;
    case AttributeType.STRING:
      return Buffer.from(values.s ?? []).toString();
    case AttributeType.TENSOR:
      return (values.tensors ?? []).map(describe).join();
    default:
      throw new Error(`no attribute of type ${type} is expected here`);
  }
}

function describe(tensor: Tensor): string {
  const kind = `${typeName(tensor.dataType)}[${tensor.dims.join(', ')}]`;
  const count = tensor.dims.reduce((product, dim) => product * dim, 1);
  // Int64 beyond what a number holds: the end of a slice.
  const numbers = readNumbers(tensor) ?? Array.from(new BigInt64Array(tensor.read().slice().buffer));
  if (count <= LISTED) return `${kind}=[${numbers.join(', ')}]`;
  return numbers.every((value) => value === numbers[0]) ? `${kind}=all ${numbers[0]}` : kind;
}

/** Numbers in one spelling, whoever wrote them: floats as single precision has them, whole ones without a fraction. */
function canonical(text: string): string {
  return text.replace(/(?<![\w.])-?\d+(\.\d+)?(e[-+]?\d+)?(?![\w.])/g, (digits) =>
    /^-?\d+$/.test(digits) ? digits : String(Math.fround(Number(digits))),
  );
}

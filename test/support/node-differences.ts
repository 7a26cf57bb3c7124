import type { NodeRow, NodeTable } from './node-table.ts';

/** In what two graphs differ at a node. */
export type DifferenceKind = 'missing' | 'added' | 'operator' | 'inputs' | 'outputs' | 'attributes' | 'order';

/** One difference between a graph and the one that it should be like. */
export interface NodeDifference {
  readonly kind: DifferenceKind;
  readonly node: string;
  readonly expected: string;
  readonly found: string;
}

/** Differences by kind, and nodes that only make a weight into the form that the exporter stores it in. */
export interface NodeComparison {
  readonly differences: readonly NodeDifference[];
  /** Nodes of `found` alone that depend on nothing but initializers and constants. */
  readonly preparing: readonly string[];
}

/** A name that the exporter gave to a tensor that it made out of weights. */
const ANONYMOUS = /^onnx::\w+_\d+$/;

/**
 * Compares graphs node by node, matched by name: operators, attributes, what is connected, and the order. Where the
 * exporter stores a weight in another form, under a running number, any weight will do, also one that nodes of `found`
 * prepare; which weight it is is for the numbers to tell.
 */
export function compareTables(expected: NodeTable, found: NodeTable): NodeComparison {
  const differences: NodeDifference[] = [];
  const add = (kind: DifferenceKind, node: string, wanted = '', actual = ''): void => {
    differences.push({ kind, node, expected: wanted, found: actual });
  };
  const wanted = new Map(expected.rows.map((row) => [row.name, row]));
  const actual = new Map(found.rows.map((row) => [row.name, row]));
  const fixed = fixedValues(found);
  const preparing: string[] = [];
  for (const { name, op, outputs } of found.rows) {
    if (wanted.has(name)) continue;
    if (op !== 'Constant' && outputs.every((output) => fixed.has(output))) preparing.push(name);
    else add('added', name, '', op);
  }
  for (const row of expected.rows) {
    const other = actual.get(row.name);
    if (other === undefined) add('missing', row.name, row.op);
    else for (const [kind, a, b] of rowDifferences(row, other, fixed)) add(kind, row.name, a, b);
  }
  const common = (rows: readonly NodeRow[], others: ReadonlyMap<string, NodeRow>): string[] =>
    rows.map(({ name }) => name).filter((name) => others.has(name));
  const [first, second] = [common(expected.rows, actual), common(found.rows, wanted)];
  const at = first.findIndex((name, i) => name !== second[i]);
  if (at >= 0) add('order', second[at] ?? '', first[at], second[at]);
  return { differences, preparing };
}

function* rowDifferences(
  expected: NodeRow,
  found: NodeRow,
  fixed: ReadonlySet<string>,
): Generator<readonly [DifferenceKind, string, string]> {
  if (expected.op !== found.op) yield ['operator', expected.op, found.op];
  const inputs = expected.inputs.map((name, i) => {
    const other = found.inputs[i] ?? '';
    return ANONYMOUS.test(name) && fixed.has(other) ? other : name;
  });
  if (inputs.join(';') !== found.inputs.join(';')) yield ['inputs', expected.inputs.join(';'), found.inputs.join(';')];
  const [a, b] = [expected.outputs, found.outputs].map((names) => names.join(';'));
  if (a !== b) yield ['outputs', a ?? '', b ?? ''];
  const attributes = new Set([...expected.attributes.keys(), ...found.attributes.keys()]);
  for (const name of attributes) {
    const [wanted, actual] = [expected.attributes.get(name), found.attributes.get(name)];
    if (!sameContents(wanted, actual)) yield ['attributes', `${name}=${wanted}`, `${name}=${actual}`];
  }
}

/** Of a large constant the record may have less: only its type and shape. */
function sameContents(expected: string | undefined, found: string | undefined): boolean {
  return expected === found || (expected?.endsWith(']') === true && found?.startsWith(`${expected}=all `) === true);
}

/** Values that are the same in every run: initializers, constants, and what is computed from them alone. */
function fixedValues({ rows, inputs }: NodeTable): Set<string> {
  const produced = new Set(rows.flatMap(({ outputs }) => outputs));
  const read = rows.flatMap((row) => row.inputs);
  const fixed = new Set(read.filter((name) => name !== '' && !produced.has(name) && !inputs.has(name)));
  for (const row of rows) {
    if (!row.inputs.every((name) => name === '' || fixed.has(name))) continue;
    for (const output of row.outputs) fixed.add(output);
  }
  return fixed;
}

/** Differences in one line each, for the message of a failed test. */
export function listDifferences(differences: readonly NodeDifference[]): string[] {
  return differences.map(({ kind, node, expected, found }) => `${kind} ${node}: ${expected} -> ${found}`);
}

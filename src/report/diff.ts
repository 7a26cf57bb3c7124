import { printable } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import { formatType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { compareAttributes } from './compare-attributes.ts';
import { compareTensors } from './compare-tensors.ts';
import { matchScopes, type ScopePair } from './match-scopes.ts';

/** What a difference is about. */
export type DifferenceKind = 'model' | 'opset' | 'metadata' | 'scope' | 'input' | 'output' | 'initializer' | 'node';

/** One difference between two models. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly change: 'added' | 'removed' | 'changed';
  /** The scope: empty for the main graph. */
  readonly scope: string;
  readonly name: string;
  /** What is there (added, removed), or each thing that changed. */
  readonly details: readonly string[];
}

/** What two models differ in: what `sdgraph diff --json` prints. */
export interface ModelDiff {
  readonly same: boolean;
  /** Differences by kind and change; what does not occur is 0. */
  readonly counts: Readonly<Record<DifferenceKind, { added: number; removed: number; changed: number }>>;
  readonly differences: readonly Difference[];
  /** Tensors whose contents could not be compared, because data is missing. They do not count as different. */
  readonly uncompared: readonly { readonly scope: string; readonly name: string; readonly reason: string }[];
}

/** How {@link diffModels} compares. */
export interface DiffOptions {
  /** Called now and then with the bytes of weights compared so far. */
  readonly onProgress?: (bytes: number) => void;
}

const KINDS: readonly DifferenceKind[] = [
  'model',
  'opset',
  'metadata',
  'scope',
  'input',
  'output',
  'initializer',
  'node',
];

/**
 * Compares two models by name: operator sets, metadata, inputs and outputs, constants with their contents, and nodes
 * with operator, inputs, outputs and attributes, in every scope. The order of nodes and of constants does not count,
 * nor do value info and doc strings. Nodes without name go by their first output.
 *
 * Contents of large tensors are read piece by piece. Tensors whose data is missing are listed, not compared.
 */
export function diffModels(a: Model, b: Model, options: DiffOptions = {}): ModelDiff {
  const { onProgress } = options;
  let compared = 0;
  const log = new DiffLog((bytes) => {
    compared += bytes;
    onProgress?.(compared);
  });
  log.compareText('model', 'irVersion', String(a.irVersion), String(b.irVersion));
  log.compareText('model', 'producer', a.producer, b.producer);
  log.compareMaps('opset', a.opsets, b.opsets);
  log.compareMaps('metadata', a.metadata, b.metadata);
  for (const pair of matchScopes(a, b)) compareScopes(pair, log);
  const counts = Object.fromEntries(
    KINDS.map((kind) => [kind, { added: 0, removed: 0, changed: 0 }]),
  ) as ModelDiff['counts'];
  for (const { kind, change } of log.differences) counts[kind][change]++;
  return { same: log.differences.length === 0, counts, differences: log.differences, uncompared: log.uncompared };
}

function compareScopes({ scope, a, b }: ScopePair, log: DiffLog): void {
  if (a === undefined || b === undefined) {
    const only = (a ?? b) as Graph;
    const details = [`${only.nodes.size} nodes, ${only.initializers.length} initializers`];
    log.add({ kind: 'scope', change: a === undefined ? 'added' : 'removed', scope, name: scope, details });
    return;
  }
  comparePorts('input', scope, a.inputs, b.inputs, log);
  comparePorts('output', scope, a.outputs, b.outputs, log);
  const constants = (graph: Graph): ReadonlyMap<string, Value> => byName(graph.initializers, ({ name }) => name);
  compareNamed('initializer', scope, [constants(a), constants(b)], log, describeConstant, compareConstants);
  const nodes = (graph: Graph): ReadonlyMap<string, Node> => byName(graph.nodes, nodeName);
  compareNamed('node', scope, [nodes(a), nodes(b)], log, operatorName, compareNodes);
}

type Pair<T> = readonly [ReadonlyMap<string, T>, ReadonlyMap<string, T>];

function compareNamed<T>(
  kind: DifferenceKind,
  scope: string,
  [left, right]: Pair<T>,
  log: DiffLog,
  describe: (item: T) => string,
  compare: (one: T, other: T, log: DiffLog, scope: string) => string[],
): void {
  for (const [name, one] of left) {
    const other = right.get(name);
    if (other === undefined) log.add({ kind, change: 'removed', scope, name, details: [describe(one)] });
    else log.changed(kind, scope, name, compare(one, other, log, scope));
  }
  for (const [name, other] of right) {
    if (!left.has(name)) log.add({ kind, change: 'added', scope, name, details: [describe(other)] });
  }
}

function comparePorts(
  kind: 'input' | 'output',
  scope: string,
  left: readonly Value[],
  right: readonly Value[],
  log: DiffLog,
): void {
  type Port = [place: number, value: Value];
  const ports = (values: readonly Value[]): ReadonlyMap<string, Port> =>
    byName([...values.entries()], ([, { name }]) => name);
  const describe = ([, { type }]: Port): string => formatType(type);
  compareNamed(kind, scope, [ports(left), ports(right)], log, describe, ([i, one], [j, other]) => [
    ...textChange('type', formatType(one.type), formatType(other.type)),
    ...textChange('position', String(i), String(j)),
  ]);
}

function compareConstants(
  { name, initializer: a }: Value,
  { initializer: b }: Value,
  log: DiffLog,
  scope: string,
): string[] {
  if (a === undefined || b === undefined) return [];
  const verdict = compareTensors(a, b, log.onBytes);
  if (verdict.kind === 'unknown') log.uncompared.push({ scope, name, reason: verdict.detail });
  return verdict.kind === 'different' ? [verdict.detail] : [];
}

function compareNodes(a: Node, b: Node, log: DiffLog, scope: string): string[] {
  const details = [
    ...textChange('op', operatorName(a), operatorName(b)),
    ...listChanges('input', a.inputs, b.inputs),
    ...listChanges('output', a.outputs, b.outputs),
  ];
  const right = new Map(b.attributes.map((attribute) => [attribute.name, attribute]));
  for (const one of a.attributes) {
    const other = right.get(one.name);
    if (other === undefined) {
      details.push(`attribute ${one.name}: removed`);
      continue;
    }
    const verdict = compareAttributes(one, other, log.onBytes);
    const where = `attribute ${one.name}`;
    if (verdict.kind === 'different') details.push(`${where}: ${verdict.detail}`);
    if (verdict.kind === 'unknown') {
      log.uncompared.push({ scope, name: nodeName(a), reason: `${where}: ${verdict.detail}` });
    }
  }
  const known = new Set(a.attributes.map(({ name }) => name));
  for (const { name } of b.attributes) if (!known.has(name)) details.push(`attribute ${name}: added`);
  return details;
}

function describeConstant({ initializer, type }: Value): string {
  return initializer === undefined ? '' : formatType(type);
}

function operatorName({ isStandardDomain, domain, opType, overload }: Node): string {
  return `${isStandardDomain ? '' : `${domain}::`}${opType}${overload === '' ? '' : `:${overload}`}`;
}

function nodeName({ name, outputs }: Node): string {
  return name === '' ? `→ ${outputs.find((value) => value !== undefined)?.name ?? ''}` : name;
}

/** What is read or written at each place; both lists end where the longer one does. */
function listChanges(
  what: string,
  a: readonly (Value | undefined)[],
  b: readonly (Value | undefined)[],
): readonly string[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    textChange(`${what} ${i}`, a[i]?.name ?? 'nothing', b[i]?.name ?? 'nothing'),
  ).flat();
}

/** Items by name; further ones of the same name get a number. */
function byName<T>(items: Iterable<T>, nameOf: (item: T) => string): ReadonlyMap<string, T> {
  const named = new Map<string, T>();
  const seen = new Map<string, number>();
  for (const item of items) {
    const name = nameOf(item);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    named.set(count === 1 ? name : `${name} #${count}`, item);
  }
  return named;
}

function textChange(what: string, a: string, b: string): string[] {
  return a === b ? [] : [`${what}: ${a} → ${b}`];
}

/** Takes differences down. Text from files is made safe to print here, after it was compared. */
class DiffLog {
  readonly differences: Difference[] = [];
  readonly uncompared: { scope: string; name: string; reason: string }[] = [];
  readonly onBytes: (bytes: number) => void;

  constructor(onBytes: (bytes: number) => void) {
    this.onBytes = onBytes;
  }

  add({ name, scope, details, ...rest }: Difference): void {
    this.differences.push({ ...rest, name: printable(name), scope: printable(scope), details: details.map(printable) });
  }

  changed(kind: DifferenceKind, scope: string, name: string, details: readonly string[]): void {
    if (details.length > 0) this.add({ kind, change: 'changed', scope, name, details });
  }

  compareText(kind: DifferenceKind, name: string, a: string, b: string): void {
    if (a !== b) this.changed(kind, '', name, [`${a} → ${b}`]);
  }

  compareMaps(kind: DifferenceKind, a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): void {
    for (const [key, value] of a) {
      if (b.has(key)) this.compareText(kind, key, String(value), String(b.get(key)));
      else this.add({ kind, change: 'removed', scope: '', name: key, details: [String(value)] });
    }
    for (const [key, value] of b) {
      if (!a.has(key)) this.add({ kind, change: 'added', scope: '', name: key, details: [String(value)] });
    }
  }
}

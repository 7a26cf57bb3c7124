import { printable, SdgraphError } from '../errors.ts';
import type { Graph } from './graph.ts';
import type { Model } from './model.ts';
import type { Node } from './node.ts';
import { topologicalOrder, valuesRead } from './sort.ts';
import type { Value } from './value.ts';

/** A broken rule: which one, where, and what is wrong. */
export interface Violation {
  readonly rule: 'duplicate-name' | 'dangling-name' | 'cycle' | 'not-visible' | 'order' | 'use-def';
  readonly graph: Graph;
  readonly name: string;
  readonly message: string;
}

/**
 * The rules that every rewrite relies on, checked over all scopes: every name has one definition and is visible where
 * it is read, nothing depends on itself, and uses and inputs agree. Linear in the size of the graph.
 *
 * @param options.order also require that nodes come in an order in which they can be run
 */
export function findViolations(model: Model, options: { order?: boolean } = {}): Violation[] {
  const violations: Violation[] = [];
  const visible = scopesVisible(model);
  for (const graph of model.scopes()) {
    const report = (rule: Violation['rule'], name: string, message: string): void => {
      violations.push({ rule, graph, name: printable(name), message });
    };
    checkNames(graph, report);
    checkReads(graph, visible, report);
    checkOrder(graph, options.order === true, report);
  }
  return violations;
}

/** Throws `E_GRAPH_INVALID` for the first broken rule, if there is one. */
export function requireSound(model: Model, options: { order?: boolean } = {}): void {
  const [first, ...others] = findViolations(model, options);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `; and ${others.length} more`;
  throw new SdgraphError('E_GRAPH_INVALID', `${first.message}${more}`, { file: model.label, name: first.name });
}

type Report = (rule: Violation['rule'], name: string, message: string) => void;

function checkNames(graph: Graph, report: Report): void {
  const defined = new Map<string, Value>();
  const define = (value: Value): void => {
    const other = defined.get(value.name);
    if (other !== undefined && other !== value)
      report('duplicate-name', value.name, 'two values of one scope have the same name');
    defined.set(value.name, value);
  };
  for (const value of graph.inputs) define(value);
  for (const value of graph.initializers) define(value);
  for (const node of graph.nodes) for (const value of node.outputs) if (value !== undefined) define(value);
  for (const value of graph.danglingValues) report('dangling-name', value.name, 'nothing defines a name that is read');
}

function checkReads(graph: Graph, visible: ReadonlyMap<Graph, ReadonlySet<Graph>>, report: Report): void {
  const seen = visible.get(graph);
  for (const node of graph.nodes) {
    for (const [index, value] of node.inputs.entries()) {
      if (value === undefined) continue;
      if (seen?.has(value.graph) !== true)
        report('not-visible', value.name, `${node} reads a value of a scope it is not in`);
      if (value.producer?.isAlive === false) report('use-def', value.name, `${node} reads from a removed node`);
      if (![...usesOf(value, node)].includes(index))
        report('use-def', value.name, `${node} is not among the uses of what it reads`);
    }
  }
}

function* usesOf(value: Value, node: Node): Generator<number> {
  // A value with very many uses is not searched for each of its readers.
  if (value.useCount > 64) {
    yield* node.inputs.keys();
    return;
  }
  for (const use of value.uses) if (use.node === node) yield use.index;
}

function checkOrder(graph: Graph, strict: boolean, report: Report): void {
  try {
    topologicalOrder(graph);
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    report('cycle', error.where.name ?? '', error.message);
    return;
  }
  if (!strict) return;
  const computed = new Set<Node>();
  for (const node of graph.nodes) {
    for (const value of valuesRead(node)) {
      const { producer } = value;
      if (producer !== undefined && producer.isAlive && producer.graph === graph && !computed.has(producer)) {
        report('order', value.name, `${node} reads a value before it is computed`);
      }
    }
    computed.add(node);
  }
}

/** For each scope, the scopes whose values its nodes may read. */
function scopesVisible(model: Model): Map<Graph, Set<Graph>> {
  const visible = new Map<Graph, Set<Graph>>();
  for (const graph of model.scopes()) {
    const chain = new Set<Graph>();
    for (let at: Graph | undefined = graph; at !== undefined; at = at.parent) chain.add(at);
    visible.set(graph, chain);
  }
  return visible;
}

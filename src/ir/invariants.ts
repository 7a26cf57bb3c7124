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
  for (const graph of model.scopes()) {
    const report = (rule: Violation['rule'], name: string, message: string): void => {
      violations.push({ rule, graph, name: printable(name), message });
    };
    checkNames(graph, report);
    checkReads(graph, scopesAround(graph), report);
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
  for (const value of graph.initializers) {
    define(value);
    if (value.producer !== undefined)
      report('duplicate-name', value.name, 'a constant and a node define the same name');
  }
  for (const node of graph.nodes) for (const value of node.outputs) if (value !== undefined) define(value);
}

function checkReads(graph: Graph, visible: ReadonlySet<Graph>, report: Report): void {
  const dangling = new Set<Value>();
  const check = (value: Value, reader: Node | undefined): void => {
    const who = (): string => (reader === undefined ? 'a graph output' : String(reader));
    if (!visible.has(value.graph)) report('not-visible', value.name, `${who()} reads a value of a scope it is not in`);
    if (value.producer?.isAlive === false) report('use-def', value.name, `${who()} reads from a removed node`);
    if (value.isDangling && !dangling.has(value)) {
      dangling.add(value);
      report('dangling-name', value.name, 'nothing defines a name that is read');
    }
  };
  for (const node of graph.nodes) {
    for (let index = 0; index < node.inputs.length; index++) {
      const value = node.inputs[index];
      if (value === undefined) continue;
      check(value, node);
      if (!node.isLinked(index))
        report('use-def', value.name, `${String(node)} is not among the uses of what it reads`);
    }
  }
  for (const value of graph.outputs) check(value, undefined);
  for (const value of graph.allValues()) {
    for (const { node, index } of value.uses) {
      if (node.isAlive && node.inputs[index] === value) continue;
      report('use-def', value.name, `${String(node)} counts as a reader but is none`);
    }
  }
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
    for (const { producer, name } of valuesRead(node)) {
      if (producer !== undefined && producer.isAlive && producer.graph === graph && !computed.has(producer)) {
        report('order', name, `${String(node)} reads a value before it is computed`);
      }
    }
    computed.add(node);
  }
}

/** The scopes whose values nodes of a scope may read: its own and those around it. */
function scopesAround(graph: Graph): Set<Graph> {
  const scopes = new Set<Graph>();
  for (let at: Graph | undefined = graph; at !== undefined; at = at.parent) scopes.add(at);
  return scopes;
}

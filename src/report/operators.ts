import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import { operatorVersions } from '../schema/operators.ts';
import { loadTarget, type PluginOperator, targetNames } from '../targets/index.ts';

/**
 * Where an operator comes from: `standard` - ONNX defines it; `plugin` - a target profile names it; `function` - the
 * model defines it itself; `custom` - none of these.
 */
export type OperatorKind = 'standard' | 'plugin' | 'function' | 'custom';

/** Nodes of one operator. */
export interface OperatorCount {
  readonly operator: string;
  /** Empty for the standard domain. */
  readonly domain: string;
  readonly kind: OperatorKind;
  readonly nodes: number;
}

/** The operators of a model with the number of their nodes in all scopes, the most frequent first. */
export function operatorCounts(model: Model): readonly OperatorCount[] {
  const functions = new Set(model.functions.map(({ domain, name }) => keyOf(domain, name)));
  const plugins = pluginOperators();
  const kindOf = (operator: string, domain: string): OperatorKind => {
    const key = keyOf(domain, operator);
    if (functions.has(key)) return 'function';
    const schema = operatorVersions(operator, domain)[0];
    if (schema?.plugin === true || plugins.has(key)) return 'plugin';
    return schema === undefined ? 'custom' : 'standard';
  };
  const counts = new Map<string, OperatorCount>();
  for (const graph of model.scopes()) {
    for (const node of graph.nodes) {
      const domain = domainOf(node);
      const key = keyOf(domain, node.opType);
      const known = counts.get(key);
      const entry = known ?? { operator: node.opType, domain, kind: kindOf(node.opType, domain), nodes: 0 };
      counts.set(key, { ...entry, nodes: entry.nodes + 1 });
    }
  }
  return [...counts.values()].toSorted(
    (a, b) => b.nodes - a.nodes || compare(a.operator, b.operator) || compare(a.domain, b.domain),
  );
}

/** Operators that some built-in target has, in any of their spellings. */
function pluginOperators(): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const name of targetNames()) {
    for (const operator of Object.values(loadTarget(name).operators) as PluginOperator[]) {
      for (const opType of [operator.opType, ...operator.aliases]) keys.add(keyOf(operator.domain, opType));
    }
  }
  return keys;
}

function domainOf(node: Node): string {
  return node.isStandardDomain ? '' : node.domain;
}

function keyOf(domain: string, operator: string): string {
  return `${domain === 'ai.onnx' ? '' : domain}::${operator}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

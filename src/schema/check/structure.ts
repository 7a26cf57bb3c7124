import type { Graph } from '../../ir/graph.ts';
import { findViolations, type Violation } from '../../ir/invariants.ts';
import type { Node } from '../../ir/node.ts';
import type { Value } from '../../ir/value.ts';
import type { CheckContext } from './context.ts';
import type { RuleId } from './rules.ts';

const RULE_OF: Readonly<Record<Violation['rule'], RuleId>> = {
  'duplicate-name': 'duplicate-name',
  'dangling-name': 'undefined-name',
  cycle: 'cycle',
  'not-visible': 'not-visible',
  order: 'node-order',
  'use-def': 'broken-use',
};

/** One definition of each name, visible where it is read, and in an order that can be run. Covers all scopes. */
export function checkStructure(context: CheckContext): void {
  const { model } = context;
  for (const { rule, graph, name, message } of findViolations(model, { order: true })) {
    context.report(RULE_OF[rule], { graph, value: name }, message);
  }
  for (const graph of model.scopes()) {
    checkOutputs(graph, context);
    if (graph.parent !== undefined && graph.kind === 'subgraph') checkShadowing(graph, graph.parent, context);
  }
  if (model.graph.outputs.length === 0) {
    context.report('no-outputs', { graph: model.graph }, 'the main graph computes nothing that anybody could read');
  }
}

function checkOutputs(graph: Graph, context: CheckContext): void {
  const seen = new Set<Value>();
  for (const value of graph.outputs) {
    if (value.graph !== graph && !value.isDangling && graph.kind !== 'training') {
      context.report(
        'output-elsewhere',
        { graph, value: value.name },
        'a graph gives back a value of the graph around it',
        {
          hint: 'pass it through an Identity node',
        },
      );
    }
    if (seen.has(value)) {
      const severity = graph.kind === 'function' ? 'error' : 'warning';
      context.report('duplicate-output', { graph, value: value.name }, 'a value is listed as output twice', {
        severity,
      });
    }
    seen.add(value);
  }
}

/** Names that a subgraph defines though a value of that name is visible from around it. */
function checkShadowing(graph: Graph, parent: Graph, context: CheckContext): void {
  for (const value of graph.values()) {
    const outer = parent.value(value.name);
    if (outer === undefined || outer.isDangling || value.name === '') continue;
    // Readers let inputs and constants of a subgraph hide an outer name, and do not see names of later nodes.
    const certain = value.producer !== undefined && isComputedBefore(outer, graph, context);
    context.report('shadowed-name', { graph, value: value.name }, 'a subgraph defines a name that is taken around it', {
      severity: certain ? 'error' : 'warning',
      hint: 'rename one of the two: some readers mix them up',
    });
  }
}

/** Whether a value of a graph around `graph` is there when the subgraph runs. */
function isComputedBefore(outer: Value, graph: Graph, context: CheckContext): boolean {
  const { producer } = outer;
  if (producer === undefined) return true;
  let owner: Node | undefined;
  for (let at: Graph | undefined = graph; at !== undefined && at !== outer.graph; at = at.parent) owner = at.owner;
  return owner === undefined || context.places.position(producer) < context.places.position(owner);
}

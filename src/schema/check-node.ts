import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import { checkAttributes } from './check/attributes.ts';
import { CheckContext, modelOpsets } from './check/context.ts';
import { checkOperator } from './check/operators.ts';
import type { RuleId } from './check/rules.ts';
import { checkNodeTypes } from './check/types.ts';
import type { Finding } from './finding.ts';
import type { Inference } from './inference.ts';

/**
 * What is wrong with one node of the main graph: operator, numbers of inputs and outputs, attributes, types. The rules
 * are those of `checkModel`; the cost does not depend on the size of the graph as long as nothing is found.
 */
export function checkNode(model: Model, node: Node, inference: Inference): Finding<RuleId>[] {
  const context = new CheckContext(model);
  const scope = { graph: model.graph, opsets: modelOpsets(model), inFunction: undefined };
  const schema = checkOperator(node, scope, context);
  checkAttributes(node, undefined, context);
  if (schema !== undefined) checkNodeTypes(node, schema, inference, context);
  return context.findings;
}

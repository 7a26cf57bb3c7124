import type { Model } from '../ir/model.ts';
import { checkAttributes } from './check/attributes.ts';
import { CheckContext, type Scope, scopesOf } from './check/context.ts';
import { checkFunctions } from './check/functions.ts';
import { checkNames } from './check/names.ts';
import { checkOperator } from './check/operators.ts';
import type { RuleId } from './check/rules.ts';
import { checkStructure } from './check/structure.ts';
import { checkAttributeTensors, checkInitializers, reportUnchecked } from './check/tensors.ts';
import { checkConflicts, checkInitializerTypes, checkNodeTypes, checkPortTypes } from './check/types.ts';
import { checkVersions } from './check/versions.ts';
import type { Finding } from './finding.ts';
import { inferShapes } from './infer.ts';
import type { Inference } from './inference.ts';

export { RULES, type RuleId, type Severity } from './check/rules.ts';

/** How {@link checkModel} checks. */
export interface CheckOptions {
  /**
   * Also infer types and shapes and check what follows: `types` rules beyond those of graph inputs and outputs.
   * Default true; false is the counterpart of `onnx.checker.check_model` without `full_check`.
   */
  readonly full?: boolean;
  /** What inference found, when it was run already; it has to be of the model as it is. */
  readonly inference?: Inference;
}

/**
 * What is wrong with a model, as a list: nothing thrown, nothing changed. A model without findings of severity `error`
 * is one that other readers of ONNX accept, as far as this one can tell. Linear in the size of the graph; weights are
 * not read, except integers kept in typed fields, which are counted.
 *
 * Operators of Ascend software count as known; whether a chip takes them is for `checkTarget`.
 *
 * @example
 * const errors = checkModel(model).filter(({ severity }) => severity === 'error');
 * for (const finding of errors) console.error(formatFinding(finding));
 *
 * @throws SdgraphError `E_MODEL_CLOSED` and errors of the file system; never for what is in the model
 */
export function checkModel(model: Model, options: CheckOptions = {}): Finding<RuleId>[] {
  const context = new CheckContext(model);
  checkVersions(context);
  checkNames(context);
  checkStructure(context);
  checkFunctions(context);
  checkPortTypes(model.graph, context);
  const inference = options.full === false ? undefined : (options.inference ?? inferIfPossible(context));
  if (inference !== undefined) checkInitializerTypes(model.graph, context);
  for (const scope of scopesOf(model)) checkScope(scope, inference, context);
  if (inference !== undefined) checkConflicts(inference, context);
  reportUnchecked(context);
  return context.findings;
}

function checkScope(scope: Scope, inference: Inference | undefined, context: CheckContext): void {
  checkInitializers(scope.graph, context);
  for (const node of scope.graph.nodes) {
    const schema = checkOperator(node, scope, context);
    checkAttributes(node, scope.inFunction, context);
    checkAttributeTensors(node, context);
    if (schema !== undefined && inference !== undefined) checkNodeTypes(node, schema, inference, context);
  }
}

/** Inference walks the graph in order, which one that is broken does not have. */
function inferIfPossible(context: CheckContext): Inference | undefined {
  return context.findings.some(({ rule }) => rule === 'cycle') ? undefined : inferShapes(context.model);
}

import type { Model } from '../ir/model.ts';
import { type CheckOptions, checkModel as checkStandard } from '../schema/check.ts';
import type { Finding } from '../schema/finding.ts';
import { inferShapes } from '../schema/infer.ts';
import { checkTarget } from './check.ts';
import { loadTarget } from './index.ts';
import type { Target } from './types.ts';

/** How {@link checkModel} checks. */
export interface ModelCheckOptions extends CheckOptions {
  /** Also check what this target can run: a profile, or the name of a built-in one. */
  readonly target?: Target | string;
}

/**
 * What is wrong with a model: the rules of ONNX, and those of a target where one is given. Shapes are inferred once.
 *
 * @example
 * checkModel(model, { target: 'ascend310p-aie-7.0' }).filter(({ severity }) => severity === 'error')
 *
 * @throws SdgraphError `E_TARGET` for an unknown target, `E_MODEL_CLOSED`; never for what is in the model
 */
export function checkModel(model: Model, { target, ...options }: ModelCheckOptions = {}): Finding[] {
  if (target === undefined) return checkStandard(model, options);
  const profile = typeof target === 'string' ? loadTarget(target) : target;
  const inference = options.inference ?? inferShapes(model);
  return [...checkStandard(model, { ...options, inference }), ...checkTarget(model, profile, { inference })];
}

/** Group normalizations that ATC fuses, and the list that keeps them in float32. */

import type { Model } from '../../ir/model.ts';
import type { Node } from '../../ir/node.ts';
import type { Value } from '../../ir/value.ts';

/** Nodes of the six group normalizations that the sample keeps in float32, in its order. */
const SAMPLE: readonly string[] = [
  '/up_blocks.2/resnets.0/norm2/Mul',
  '/up_blocks.2/resnets.1/norm1/Mul',
  '/up_blocks.2/resnets.1/norm2/Mul',
  '/up_blocks.2/resnets.2/norm1/Mul',
  '/up_blocks.2/resnets.2/norm2/Mul',
  '/up_blocks.3/resnets.0/norm1/Mul',
];

/** Which group normalizations: those of the sample, or all. */
export type GroupNormChoice = 'sample' | 'all';

/**
 * The content for `--customize_dtypes` that keeps group normalizations in float32. ATC names the operator that it fuses
 * one into after the Mul behind its InstanceNormalization. Empty where there are none, or none with the sample's names.
 */
export function groupNormFloat32(model: Model, choice: GroupNormChoice): string {
  const muls = groupNormMuls(model);
  const names = choice === 'all' ? muls : SAMPLE.filter((name) => muls.includes(name));
  return names.map((name) => `${name}/GroupNorm:InputDtype:float32\n`).join('');
}

/** Names of the nodes that scale group normalizations, in graph order: Reshape, InstanceNormalization, Reshape, Mul, Add. */
function groupNormMuls(model: Model): string[] {
  const names: string[] = [];
  for (const norm of model.graph.nodesOf('InstanceNormalization')) {
    const back = soleConsumer(norm.output(0), 'Reshape');
    const mul = back === undefined ? undefined : soleConsumer(back.output(0), 'Mul');
    if (mul === undefined || norm.inputs[0]?.producer?.opType !== 'Reshape' || mul.name === '') continue;
    if (soleConsumer(mul.output(0), 'Add') !== undefined) names.push(mul.name);
  }
  return names;
}

function soleConsumer(value: Value, opType: string): Node | undefined {
  const consumers = [...value.consumers()];
  const [consumer] = consumers;
  return consumers.length === 1 && consumer?.opType === opType ? consumer : undefined;
}

import { eliminateUnused } from '../passes/eliminate-unused.ts';
import { modifyOnnx } from '../passes/presets.ts';
import { removeZeroAdd } from '../passes/remove-zero-add.ts';
import { splitSlices } from '../passes/split-slices.ts';
import type { Pass } from '../src/rewrite/pass.ts';
import type { Job } from './job.ts';

/** The passes of a recipe. */
export function recipe(name: (Job & { kind: 'rewrite' })['recipe']): readonly Pass[] {
  if (name === 'modify-onnx') return modifyOnnx({ faSoc: 'Duo', tome: 5, fasterGelu: true });
  return [removeZeroAdd(), splitSlices(), eliminateUnused()];
}

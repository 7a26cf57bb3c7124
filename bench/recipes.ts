import { deduplicateInitializers } from '../passes/deduplicate-initializers.ts';
import { eliminateIdentity } from '../passes/eliminate-identity.ts';
import { eliminateUnused } from '../passes/eliminate-unused.ts';
import { foldShapes } from '../passes/fold-shapes.ts';
import { modifyOnnx } from '../passes/presets.ts';
import { removeZeroAdd } from '../passes/remove-zero-add.ts';
import { sortTopologically } from '../passes/sort-topologically.ts';
import { splitSlices } from '../passes/split-slices.ts';
import type { Pass } from '../src/rewrite/pass.ts';

/** Passes by the name that a job asks for them with. */
export const RECIPES = {
  /** All that upstream's script does. */
  'modify-onnx': (): readonly Pass[] => modifyOnnx({ faSoc: 'Duo', tome: 5, fasterGelu: true }),
  /** Passes that look at the graph and at small constants only. */
  structure: (): readonly Pass[] => [
    eliminateIdentity(),
    foldShapes(),
    removeZeroAdd(),
    splitSlices(),
    eliminateUnused(),
    sortTopologically(),
  ],
  /** The same, and what compares all constants. */
  everything: (): readonly Pass[] => [...RECIPES.structure(), deduplicateInitializers()],
};

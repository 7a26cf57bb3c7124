/** The rewrite passes, each usable alone, and upstream's recipe as a list of them. */

export { deduplicateInitializers } from './deduplicate-initializers.ts';
export { eliminateIdentity } from './eliminate-identity.ts';
export { eliminateUnused } from './eliminate-unused.ts';
export { fasterGelu } from './faster-gelu.ts';
export { foldShapes } from './fold-shapes.ts';
export { fuseFlashAttention } from './fuse-flash-attention.ts';
export { type InsertTomeOptions, insertTome } from './insert-tome.ts';
export { int32Timestep } from './int32-timestep.ts';
export { isPluginOp, lowerPluginOps } from './lower-plugin-ops.ts';
export { type ModifyOnnxOptions, modifyOnnx } from './presets.ts';
export { type AnyPassFactory, makePass, PASSES, passNamed } from './registry.ts';
export { removeZeroAdd } from './remove-zero-add.ts';
export { sortTopologically } from './sort-topologically.ts';
export { splitSlices } from './split-slices.ts';
export { readTomeIndices, type TomeIndexSource, type TomeIndices } from './tome/indices.ts';

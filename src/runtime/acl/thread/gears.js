// Gears: the sizes that a model was compiled for, of which one is chosen for a run.
import { ModelFailure } from './failure.js';
import { IoDims } from './io-dims.js';

/**
 * @typedef {import('./library.js').Acl} Acl
 * @typedef {{ kind: 'batch' | 'image' | 'dims', values: number[][] }} Gears what each value holds: the batch; height and
 *   width; the extents of all inputs, one after the other
 * @typedef {{ kind: Gears['kind'], value: readonly number[] }} Gear
 */

/** The input through which the model is told its gear. */
export const GEAR_INPUT = 'ascend_mbatch_shape_data';

/** Of which input: all. */
const ALL = 2n ** 64n - 1n;

/** Gears that a structure of AscendCL has room for. */
const ROOM = 128;

/**
 * @param {Acl} acl
 * @param {bigint} description
 * @returns {Gears}
 */
export function readGears(acl, description) {
  /** @type {Error | undefined} */
  let failure;
  // A model has one kind. Whether the functions for the others answer 0 or fail is not the same in all versions.
  for (const read of [readBatches, readSizes, readDims]) {
    try {
      const gears = read(acl, description);
      if (gears.values.length > 0) return gears;
    } catch (error) {
      failure ??= /** @type {Error} */ (error);
    }
  }
  throw failure ?? new ModelFailure('the model has gears of no known kind');
}

/**
 * Has the next run use a gear.
 *
 * @param {Acl} acl
 * @param {number} model
 * @param {bigint} inputs the data set
 * @param {number} index of the input for the gear
 * @param {Gear} gear
 */
export function setGear(acl, model, inputs, index, { kind, value }) {
  if (kind === 'batch') acl.call('aclmdlSetDynamicBatchSize', model, inputs, index, value[0]);
  else if (kind === 'image') acl.call('aclmdlSetDynamicHWSize', model, inputs, index, value[0], value[1]);
  else acl.call('aclmdlSetInputDynamicDims', model, inputs, index, IoDims.of(value).bytes);
}

/** @type {(acl: Acl, description: bigint) => Gears} */
function readBatches(acl, description) {
  const batches = new BigUint64Array(1 + ROOM);
  acl.call('aclmdlGetDynamicBatch', description, batches);
  const count = countOf(batches);
  return { kind: 'batch', values: Array.from({ length: count }, (_, i) => [Number(batches[1 + i])]) };
}

/** @type {(acl: Acl, description: bigint) => Gears} */
function readSizes(acl, description) {
  const sizes = new BigUint64Array(1 + 2 * ROOM);
  acl.call('aclmdlGetDynamicHW', description, ALL, sizes);
  const values = Array.from({ length: countOf(sizes) }, (_, i) => [Number(sizes[1 + 2 * i]), Number(sizes[2 + 2 * i])]);
  return { kind: 'image', values };
}

/** @type {(acl: Acl, description: bigint) => Gears} */
function readDims(acl, description) {
  const count = new BigUint64Array(1);
  acl.call('aclmdlGetInputDynamicGearCount', description, ALL, count);
  const dims = new IoDims(countOf(count));
  if (dims.count > 0) acl.call('aclmdlGetInputDynamicDims', description, ALL, dims.bytes, dims.count);
  return { kind: 'dims', values: Array.from({ length: dims.count }, (_, i) => dims.read(i)) };
}

/** @param {BigUint64Array} structure which begins with a count */
function countOf(structure) {
  const count = Number(structure[0]);
  if (count > ROOM) throw new ModelFailure(`the model has ${count} gears, more than AscendCL has room for`);
  return count;
}

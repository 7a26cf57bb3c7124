// What a model says about its inputs and outputs.
import { ModelFailure } from './failure.js';
import { IoDims } from './io-dims.js';
import { ELEMENT_TYPES } from './types.js';

/**
 * @typedef {import('./library.js').Acl} Acl
 * @typedef {object} Port
 * @property {string} name
 * @property {number} type as AscendCL numbers it
 * @property {number} elementBytes
 * @property {number[]} dims -1 where open
 * @property {boolean} isOpen whether an extent is open
 * @property {number} size bytes that the model wants; of the largest gear where there are gears; 0 when nobody knows
 */

/** Images are prepared by the chip, as an input says that this backend does not fill. */
const IMAGE_INPUT = 'ascend_dynamic_aipp_data';

/**
 * @param {Acl} acl
 * @param {bigint} description
 * @returns {(Port & { format: number })[]}
 */
export function readInputs(acl, description) {
  const count = Number(acl.value('aclmdlGetNumInputs', description));
  return Array.from({ length: count }, (_, i) => {
    const name = nameOf(acl, 'aclmdlGetInputNameByIndex', description, i);
    if (name === IMAGE_INPUT) throw new ModelFailure('the model takes images through dynamic AIPP');
    const dims = new IoDims(1);
    acl.call('aclmdlGetInputDims', description, i, dims.bytes);
    const type = Number(acl.value('aclmdlGetInputDataType', description, i));
    const size = Number(acl.value('aclmdlGetInputSizeByIndex', description, i));
    const format = Number(acl.value('aclmdlGetInputFormat', description, i));
    return { ...port(acl, name, type, dims.read(0), size, 'aclmdlGetInputSizeByIndex'), format };
  });
}

/**
 * @param {Acl} acl
 * @param {bigint} description
 * @returns {Port[]}
 */
export function readOutputs(acl, description) {
  const count = Number(acl.value('aclmdlGetNumOutputs', description));
  if (count === 0) throw new ModelFailure('the model has no outputs');
  return Array.from({ length: count }, (_, i) => {
    const name = nameOf(acl, 'aclmdlGetOutputNameByIndex', description, i);
    const dims = new IoDims(1);
    acl.call('aclmdlGetOutputDims', description, i, dims.bytes);
    const type = Number(acl.value('aclmdlGetOutputDataType', description, i));
    const size = Number(acl.value('aclmdlGetOutputSizeByIndex', description, i));
    return port(acl, name, type, dims.read(0), size, 'aclmdlGetOutputSizeByIndex');
  });
}

/**
 * @param {readonly number[]} dims none open
 * @param {number} elementBytes
 */
export function byteSize(dims, elementBytes) {
  return dims.reduce((product, dim) => product * dim, elementBytes);
}

/**
 * @param {Acl} acl
 * @param {string} name
 * @param {number} type
 * @param {number[]} dims
 * @param {number} size
 * @param {string} sizeFunction what told the size
 * @returns {Port}
 */
function port(acl, name, type, dims, size, sizeFunction) {
  const element = ELEMENT_TYPES.get(type);
  if (element === undefined) throw new ModelFailure(`'${name}' has elements of type ${type}, which no tensor here has`);
  if (dims.some((dim) => dim < -1)) throw new ModelFailure(`'${name}' has a rank that the model leaves open`);
  const isOpen = dims.includes(-1);
  const least = isOpen ? 0 : byteSize(dims, element.bytes);
  if (size === 0 && least > 0) throw acl.failure(sizeFunction, 0);
  if (size < least) throw new ModelFailure(`'${name}' takes ${least} bytes, but the model has room for ${size}`);
  return { name, type, elementBytes: element.bytes, dims, isOpen, size };
}

/**
 * @param {Acl} acl
 * @param {string} name of the function
 * @param {bigint} description
 * @param {number} index
 */
function nameOf(acl, name, description, index) {
  const found = acl.value(name, description, index);
  if (typeof found !== 'string' || found === '') throw acl.failure(name, 0);
  return found;
}

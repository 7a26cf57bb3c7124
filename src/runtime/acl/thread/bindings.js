// The C functions of AscendCL. Plain JavaScript, so that threads start from the sources and from the build alike.
//
// Pointers are bigints, or null. What a function writes goes through typed arrays, whose memory koffi passes as it is.

/** Functions that return an aclError, by their arguments. Every version since 2020 has those of CORE. */
const CORE = {
  aclInit: ['str'],
  aclrtSetDevice: ['int32'],
  aclrtResetDevice: ['int32'],
  aclrtGetDeviceCount: ['void *'],
  aclrtGetRunMode: ['void *'],
  aclrtCreateContext: ['void *', 'int32'],
  aclrtDestroyContext: ['void *'],
  aclrtCreateStream: ['void *'],
  aclrtDestroyStream: ['void *'],
  aclrtSynchronizeStream: ['void *'],
  aclrtMalloc: ['void *', 'size_t', 'int'],
  aclrtFree: ['void *'],
  aclrtMallocHost: ['void *', 'size_t'],
  aclrtFreeHost: ['void *'],
  aclrtMemcpyAsync: ['void *', 'size_t', 'void *', 'size_t', 'int', 'void *'],
  aclmdlLoadFromFile: ['str', 'void *'],
  aclmdlUnload: ['uint32'],
  aclmdlDestroyDesc: ['void *'],
  aclmdlGetDesc: ['void *', 'uint32'],
  aclmdlGetInputDims: ['void *', 'size_t', 'void *'],
  aclmdlGetOutputDims: ['void *', 'size_t', 'void *'],
  aclmdlGetCurOutputDims: ['void *', 'size_t', 'void *'],
  aclDestroyDataBuffer: ['void *'],
  aclUpdateDataBuffer: ['void *', 'void *', 'size_t'],
  aclmdlDestroyDataset: ['void *'],
  aclmdlAddDatasetBuffer: ['void *', 'void *'],
  aclmdlExecute: ['uint32', 'void *', 'void *'],
  aclmdlExecuteAsync: ['uint32', 'void *', 'void *', 'void *'],
  aclmdlSetDynamicBatchSize: ['uint32', 'void *', 'size_t', 'uint64'],
  aclmdlSetDynamicHWSize: ['uint32', 'void *', 'size_t', 'uint64', 'uint64'],
  aclmdlSetInputDynamicDims: ['uint32', 'void *', 'size_t', 'void *'],
  aclmdlGetDynamicBatch: ['void *', 'void *'],
  aclmdlGetDynamicHW: ['void *', 'size_t', 'void *'],
  aclmdlGetInputDynamicGearCount: ['void *', 'size_t', 'void *'],
  aclmdlGetInputDynamicDims: ['void *', 'size_t', 'void *', 'size_t'],
};

/** Those that older versions do not have; what needs them says so. */
const OPTIONAL = {
  aclrtGetVersion: ['void *', 'void *', 'void *'],
  aclrtResetDeviceForce: ['int32'],
  aclrtDestroyStreamForce: ['void *'],
  aclrtSynchronizeStreamWithTimeout: ['void *', 'int32'],
  aclrtSetDeviceSatMode: ['int'],
  aclmdlSetDatasetTensorDesc: ['void *', 'void *', 'size_t'],
  aclGetTensorDescDimV2: ['void *', 'size_t', 'void *'],
};

/** Functions that return something else: result, arguments. @type {Record<string, [string, string[]]>} */
const VALUES = {
  aclmdlCreateDesc: ['void *', []],
  aclmdlGetNumInputs: ['size_t', ['void *']],
  aclmdlGetNumOutputs: ['size_t', ['void *']],
  aclmdlGetInputSizeByIndex: ['size_t', ['void *', 'size_t']],
  aclmdlGetOutputSizeByIndex: ['size_t', ['void *', 'size_t']],
  aclmdlGetInputNameByIndex: ['str', ['void *', 'size_t']],
  aclmdlGetOutputNameByIndex: ['str', ['void *', 'size_t']],
  aclmdlGetInputFormat: ['int', ['void *', 'size_t']],
  aclmdlGetInputDataType: ['int', ['void *', 'size_t']],
  aclmdlGetOutputDataType: ['int', ['void *', 'size_t']],
  aclCreateDataBuffer: ['void *', ['void *', 'size_t']],
  aclGetDataBufferAddr: ['void *', ['void *']],
  aclGetDataBufferSizeV2: ['size_t', ['void *']],
  aclmdlCreateDataset: ['void *', []],
  aclCreateTensorDesc: ['void *', ['int', 'int', 'void *', 'int']],
  aclDestroyTensorDesc: ['void', ['void *']],
  aclGetTensorDescNumDims: ['size_t', ['void *']],
};

/** @type {Record<string, [string, string[]]>} */
const OPTIONAL_VALUES = {
  aclGetRecentErrMsg: ['str', []],
  aclrtGetSocName: ['str', []],
  aclmdlGetDatasetTensorDesc: ['void *', ['void *', 'size_t']],
};

/**
 * @typedef {keyof typeof CORE | keyof typeof OPTIONAL} AclFunction
 * @typedef {(...args: unknown[]) => unknown} NativeFunction
 */

/**
 * Binds the functions of a loaded library.
 *
 * @param {import('koffi').LibraryHandle} library
 * @returns {{ functions: Map<string, NativeFunction>, missing: string[] }} `missing`: functions of the core that it lacks
 */
export function bind(library) {
  /** @type {Map<string, NativeFunction>} */
  const functions = new Map();
  /** @type {string[]} */
  const missing = [];
  /**
   * @param {string} name
   * @param {string} result
   * @param {string[]} parameters
   * @param {boolean} isCore
   */
  const add = (name, result, parameters, isCore) => {
    try {
      functions.set(name, library.func(name, result, parameters));
    } catch {
      if (isCore) missing.push(name);
    }
  };
  for (const [name, parameters] of Object.entries(CORE)) add(name, 'int', parameters, true);
  for (const [name, parameters] of Object.entries(OPTIONAL)) add(name, 'int', parameters, false);
  for (const [name, [result, parameters]] of Object.entries(VALUES)) add(name, result, parameters, true);
  for (const [name, [result, parameters]] of Object.entries(OPTIONAL_VALUES)) add(name, result, parameters, false);
  return { functions, missing };
}

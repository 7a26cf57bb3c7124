import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { simulatedAscendCl } from '../support/ascendcl.ts';

/** Functions of the toolkit's headers that a runtime for OM files calls. */
const FUNCTIONS = `
  aclInit aclFinalize aclrtGetVersion aclGetRecentErrMsg aclrtGetSocName aclsysGetCANNVersion aclrtSetDevice aclrtResetDevice
  aclrtGetDevice aclrtGetDeviceCount aclrtGetRunMode aclrtSynchronizeDevice aclrtSetDeviceSatMode aclrtResetDeviceForce
  aclrtCreateContext aclrtDestroyContext aclrtSetCurrentContext aclrtGetCurrentContext aclrtCreateStream aclrtDestroyStream
  aclrtDestroyStreamForce aclrtSynchronizeStream aclrtSynchronizeStreamWithTimeout aclrtMalloc aclrtFree aclrtMallocHost
  aclrtFreeHost aclrtMemcpy aclrtMemcpyAsync aclrtMemset aclrtGetMemInfo aclmdlLoadFromFile aclmdlLoadFromMem
  aclmdlLoadFromFileWithMem aclmdlQuerySize aclmdlUnload aclmdlCreateDesc aclmdlDestroyDesc aclmdlGetDesc aclmdlGetDescFromFile
  aclmdlGetNumInputs aclmdlGetNumOutputs aclmdlGetInputSizeByIndex aclmdlGetOutputSizeByIndex aclmdlGetInputNameByIndex
  aclmdlGetOutputNameByIndex aclmdlGetInputIndexByName aclmdlGetOutputIndexByName aclmdlGetInputFormat aclmdlGetOutputFormat
  aclmdlGetInputDataType aclmdlGetOutputDataType aclmdlGetInputDims aclmdlGetInputDimsV2 aclmdlGetInputDimsRange
  aclmdlGetOutputDims aclmdlGetCurOutputDims aclmdlGetTensorRealName aclmdlGetOpAttr aclCreateDataBuffer aclDestroyDataBuffer
  aclUpdateDataBuffer aclGetDataBufferAddr aclGetDataBufferSizeV2 aclGetDataBufferSize aclmdlCreateDataset
  aclmdlDestroyDataset aclmdlAddDatasetBuffer aclmdlGetDatasetNumBuffers aclmdlGetDatasetBuffer aclmdlSetDatasetTensorDesc
  aclmdlGetDatasetTensorDesc aclCreateTensorDesc aclDestroyTensorDesc aclGetTensorDescNumDims aclGetTensorDescDimV2
  aclGetTensorDescSize aclGetTensorDescType aclmdlExecute aclmdlExecuteAsync aclmdlExecuteV2 aclmdlSetDynamicBatchSize
  aclmdlSetDynamicHWSize aclmdlSetInputDynamicDims aclmdlGetDynamicBatch aclmdlGetDynamicHW aclmdlGetInputDynamicGearCount
  aclmdlGetInputDynamicDims aclFloatToFloat16 aclFloat16ToFloat aclAppLog aclDataTypeSize`;

const simulation = simulatedAscendCl();
const hasNm = spawnSync('nm', ['--version']).status === 0;
const reason = 'reason' in simulation ? simulation.reason : hasNm ? '' : 'nm lists the symbols, and there is none';

test.skipIf(reason !== '')(
  `the simulated AscendCL exports its functions and no others${reason && ` (${reason})`}`,
  () => {
    const library = 'library' in simulation ? simulation.library : '';
    const lines = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' }).trim().split('\n');
    const exported = lines.map((line) => line.split(' ').at(-1) ?? '');
    const expected = [...FUNCTIONS.trim().split(/\s+/), 'sim_ledger', 'sim_reset', 'sim_set'];
    expect(exported.toSorted()).toEqual(expected.toSorted());
  },
);

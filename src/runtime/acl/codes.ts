/** A return code of AscendCL. */
export type AclCode = number;

const DEVICE_LOG = 'the log of the device says more: look in ~/ascend/log';
const NEW_FILE = 'the file is damaged or cut off: copy or compile it again';
const FREE_MEMORY = 'close other sessions or programs on the device (npu-smi info lists them), or use a smaller batch';
const ACCESS = 'the user needs the group of the driver (HwHiAiUser), and a container needs the device mapped into it';
const GEAR = 'feed one of the sizes that the model was compiled for';

/** Codes that users meet: what AscendCL calls them, and what can be done. */
const CODES: ReadonlyMap<AclCode, readonly [name: string, advice?: string]> = new Map<
  AclCode,
  readonly [name: string, advice?: string]
>([
  [100_000, ['ACL_ERROR_INVALID_PARAM']],
  [100_001, ['ACL_ERROR_UNINITIALIZE']],
  [100_002, ['ACL_ERROR_REPEAT_INITIALIZE']],
  [100_003, ['ACL_ERROR_INVALID_FILE', NEW_FILE]],
  [100_004, ['ACL_ERROR_WRITE_FILE']],
  [100_006, ['ACL_ERROR_PARSE_FILE']],
  [100_037, ['ACL_ERROR_REPEAT_FINALIZE', 'AscendCL was shut down in this process: start a new one']],
  [107_000, ['ACL_ERROR_RT_PARAM_INVALID']],
  [107_001, ['ACL_ERROR_RT_INVALID_DEVICEID', 'ASCEND_RT_VISIBLE_DEVICES hides devices and renumbers the others']],
  [107_002, ['ACL_ERROR_RT_CONTEXT_NULL']],
  [107_003, ['ACL_ERROR_RT_STREAM_CONTEXT']],
  [107_019, ['ACL_ERROR_RT_WAIT_TIMEOUT']],
  [145_000, ['ACL_ERROR_GE_PARAM_INVALID']],
  [145_001, ['ACL_ERROR_GE_EXEC_NOT_INIT']],
  [145_002, ['ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID', 'the file must be readable for the user of this process']],
  [145_003, ['ACL_ERROR_GE_EXEC_MODEL_ID_INVALID']],
  [145_006, ['ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID', NEW_FILE]],
  [145_007, ['ACL_ERROR_GE_EXEC_MODEL_ADDR_INVALID']],
  [145_009, ['ACL_ERROR_GE_EXEC_LOAD_MODEL_REPEATED']],
  [145_011, ['ACL_ERROR_GE_DYNAMIC_INPUT_ADDR_INVALID', GEAR]],
  [145_012, ['ACL_ERROR_GE_DYNAMIC_INPUT_LENGTH_INVALID', GEAR]],
  [145_013, ['ACL_ERROR_GE_DYNAMIC_BATCH_SIZE_INVALID', GEAR]],
  [200_000, ['ACL_ERROR_BAD_ALLOC', 'this machine is out of memory: end other programs']],
  [200_001, ['ACL_ERROR_API_NOT_SUPPORT', 'the chip or the CANN toolkit does not have this']],
  [207_000, ['ACL_ERROR_RT_FEATURE_NOT_SUPPORT', 'the chip or the driver does not have this']],
  [207_001, ['ACL_ERROR_RT_MEMORY_ALLOCATION', FREE_MEMORY]],
  [207_004, ['ACL_ERROR_RT_NO_DEVICE', ACCESS]],
  [207_006, ['ACL_ERROR_RT_NO_PERMISSION', ACCESS]],
  [207_018, ['ACL_ERROR_RT_DEVICE_OOM', FREE_MEMORY]],
  [245_000, ['ACL_ERROR_GE_MEMORY_ALLOCATION', FREE_MEMORY]],
  [500_000, ['ACL_ERROR_INTERNAL_ERROR', `is the driver running? ${ACCESS}`]],
  [500_001, ['ACL_ERROR_FAILURE']],
  [500_002, ['ACL_ERROR_GE_FAILURE']],
  [500_003, ['ACL_ERROR_RT_FAILURE']],
  [500_004, ['ACL_ERROR_DRV_FAILURE']],
  [500_005, ['ACL_ERROR_PROFILING_FAILURE']],
  [507_008, ['ACL_ERROR_RT_SOC_VERSION', 'the CANN toolkit and the driver are for different chips']],
  [507_011, ['ACL_ERROR_RT_MODEL_EXECUTE', DEVICE_LOG]],
  [507_014, ['ACL_ERROR_RT_AICORE_TIMEOUT', DEVICE_LOG]],
  [507_015, ['ACL_ERROR_RT_AICORE_EXCEPTION', DEVICE_LOG]],
  [507_016, ['ACL_ERROR_RT_AICORE_TRAP_EXCEPTION', DEVICE_LOG]],
  [507_018, ['ACL_ERROR_RT_AICPU_EXCEPTION', DEVICE_LOG]],
  [507_033, ['ACL_ERROR_RT_DEV_SETUP_ERROR', ACCESS]],
  [
    507_046,
    ['ACL_ERROR_RT_STREAM_SYNC_TIMEOUT', 'the run took longer than allowed: allow more, or look at the device'],
  ],
  [507_053, ['ACL_ERROR_RT_DEVICE_MEM_ERROR', 'the memory of the device is faulty: npu-smi info -t health says more']],
  [507_054, ['ACL_ERROR_RT_HBM_MULTI_BIT_ECC_ERROR', 'the memory of the device is faulty: it needs a reset or repair']],
  [507_899, ['ACL_ERROR_RT_DRV_INTERNAL_ERROR', ACCESS]],
  [507_900, ['ACL_ERROR_RT_AICPU_INTERNAL_ERROR', DEVICE_LOG]],
  [
    507_901,
    ['ACL_ERROR_RT_SOCKET_CLOSE', 'the connection to the device is lost: look at npu-smi info, and start again'],
  ],
  [545_000, ['ACL_ERROR_GE_INTERNAL_ERROR', DEVICE_LOG]],
  [545_001, ['ACL_ERROR_GE_LOAD_MODEL', NEW_FILE]],
  [545_601, ['ACL_ERROR_GE_EXEC_TIMEOUT', DEVICE_LOG]],
]);

/** A code with the name that AscendCL has for it, if it is known. */
export function codeName(code: AclCode): string {
  const [name] = CODES.get(code) ?? [];
  return name === undefined ? String(code) : `${code} (${name})`;
}

/** What to do about a code, where that is known. */
export function adviceFor(code: AclCode): string | undefined {
  return CODES.get(code)?.[1];
}

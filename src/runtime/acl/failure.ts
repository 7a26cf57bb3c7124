import { type Details, type ErrorCode, oneLine, SdgraphError, type Where } from '../../errors.ts';
import { ThreadError } from '../thread.ts';
import { type AclCode, adviceFor, codeName } from './codes.ts';

/** What was being done when a call failed. */
export type Step = 'device' | 'load' | 'run' | 'free';

/** A call of AscendCL that failed: the cause of an {@link SdgraphError}. */
export class AclError extends Error {
  override readonly name = 'AclError';
  /** The function, for example `aclrtMalloc`. */
  readonly function: string;
  /** What it returned; 0 for a function that returns no code. */
  readonly code: AclCode;
  /** What AscendCL says about it, in full; may be empty. */
  readonly text: string;

  constructor({ function: name, code, text }: Pick<AclError, 'function' | 'code' | 'text'>) {
    super(`${name} returned ${code}`);
    this.function = name;
    this.code = code;
    this.text = text;
  }
}

/** What a thread says about a failure: one of these. */
interface FailureDetails {
  readonly function?: string;
  readonly code?: AclCode;
  readonly text?: string;
  readonly library?: {
    readonly kind: 'absent' | 'broken' | 'stub' | 'old';
    readonly file?: string;
    readonly missing?: string;
  };
  readonly model?: string;
  readonly device?: { readonly id: number; readonly count: number };
}

/** Most characters of AscendCL's own words in a message: they can be pages. */
const MAX_TEXT = 400;

/** That the library is a stub, which every function of it answers. */
const STUB = 100_039;

const REASONS: Readonly<Record<Step, string>> = {
  device: 'the device cannot be used',
  load: 'the device does not take the model',
  run: 'the device cannot run the model',
  free: 'the device does not let go of its memory',
};

/** The error of sdgraph for what went wrong on the thread of a device. */
export function aclFailure(error: unknown, step: Step, where: Where, soc?: string): SdgraphError {
  const details = error instanceof ThreadError ? ((error.details ?? {}) as FailureDetails) : {};
  const { library, model, device, function: name, code, text = '' } = details;
  if (library !== undefined) return libraryFailure(library, error);
  if (device !== undefined) return deviceFailure(device, where, error);
  if (name !== undefined && code !== undefined) {
    if (code === STUB) return libraryFailure({ kind: 'stub' }, error);
    return callFailure(new AclError({ function: name, code, text }), step, where, soc);
  }
  const found = oneLine(model ?? (error instanceof Error ? error.message : String(error)));
  const hint = model?.startsWith('an earlier run') === true ? { hint: 'close the session and open it again' } : {};
  return new SdgraphError(codeOf(undefined, step), REASONS[step], where, { found, cause: error, ...hint });
}

function libraryFailure(library: NonNullable<FailureDetails['library']>, cause: unknown): SdgraphError {
  const { kind, file, missing } = library;
  const where = file === undefined || kind === 'absent' ? {} : { file };
  const setEnv = 'source set_env.sh of the CANN toolkit and start again';
  const make = (reason: string, details: Details): SdgraphError =>
    new SdgraphError('E_ACL_LIBRARY', reason, where, { cause, ...details });
  if (kind === 'absent') {
    const given = file?.includes('/') === true ? { found: `nothing at ${file}` } : {};
    const hint = `${setEnv}, or name libascendcl.so with SDGRAPH_ASCENDCL`;
    return make('there is no AscendCL library on this machine', { ...given, hint });
  }
  if (kind === 'stub') {
    return make('the AscendCL library is a stub, made for linking only', {
      hint: `take its folder (devlib, stub) out of LD_LIBRARY_PATH; ${setEnv}`,
    });
  }
  const found = missing === undefined ? oneLine(cause instanceof Error ? cause.message : '') : `${missing} is missing`;
  const hint = kind === 'old' ? 'install a newer CANN toolkit' : setEnv;
  return make(kind === 'old' ? 'AscendCL is too old' : 'the AscendCL library cannot be loaded', { found, hint });
}

function deviceFailure({ id, count }: { id: number; count: number }, where: Where, cause: unknown): SdgraphError {
  const expected = count === 0 ? 'a device: AscendCL sees none' : `a device from 0 to ${count - 1}`;
  const hint =
    count === 0
      ? 'look at npu-smi info, and whether devices are mapped into this container'
      : 'ASCEND_RT_VISIBLE_DEVICES hides devices and renumbers the others from 0';
  return new SdgraphError('E_ACL_DEVICE', 'there is no such device', where, {
    expected,
    found: String(id),
    hint,
    cause,
  });
}

function callFailure(cause: AclError, step: Step, where: Where, soc: string | undefined): SdgraphError {
  const { function: name, code, text } = cause;
  const words = oneLine(text.trim());
  const said = words === '' ? '' : `: ${words.length > MAX_TEXT ? `${words.slice(0, MAX_TEXT)}…` : words}`;
  const found = `${code === 0 ? 'nothing' : codeName(code)} from ${name}${said}`;
  const hint = hintFor(cause, step, soc);
  const details = { found, cause, ...(hint === undefined ? {} : { hint }) };
  return new SdgraphError(codeOf(code, step), REASONS[step], where, details);
}

function hintFor({ code, text }: AclError, step: Step, soc: string | undefined): string | undefined {
  if (step === 'load' && /soc_?version/iu.test(text)) {
    return `it was compiled for another chip; compile it for ${soc ?? 'the chip of this machine'}`;
  }
  return adviceFor(code);
}

/** Memory and lost devices are told apart whatever was being done; everything else belongs to the step. */
function codeOf(code: AclCode | undefined, step: Step): ErrorCode {
  const kind = code === undefined ? undefined : kindOf(code);
  if (kind !== undefined) return kind;
  if (step === 'load') return 'E_SESSION_LOAD';
  return step === 'run' ? 'E_SESSION_RUN' : 'E_ACL_DEVICE';
}

const MEMORY: ReadonlySet<AclCode> = new Set([200_000, 207_001, 207_018, 245_000]);
const DEVICE: ReadonlySet<AclCode> = new Set([
  107_001, 207_004, 207_006, 507_008, 507_033, 507_053, 507_054, 507_899, 507_900, 507_901,
]);

function kindOf(code: AclCode): ErrorCode | undefined {
  if (MEMORY.has(code)) return 'E_ACL_MEMORY';
  return DEVICE.has(code) ? 'E_ACL_DEVICE' : undefined;
}

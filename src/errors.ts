/**
 * The one error class of sdgraph and the one list of its codes.
 *
 * Bad input never surfaces as a `TypeError` or a stack trace: whatever notices it throws an {@link SdgraphError} that
 * says where it was, what was expected and what was found.
 */

/** Every code sdgraph can report, with what it means. Codes are stable: they are documented and scripts match on them. */
export const ERROR_CODES = {
  // reading protobuf bytes
  E_WIRE_TRUNCATED: 'the bytes end in the middle of a field',
  E_WIRE_VARINT: 'a variable-length integer is longer than ten bytes',
  E_WIRE_TAG: 'a field tag has number 0, a wire type that does not exist, or an unmatched group end',
  E_WIRE_DEPTH: 'messages are nested deeper than any real model',
  E_WIRE_LIMIT: 'a text, a list or the number of parts is beyond any real model',
  E_NOT_ONNX: 'the bytes are not an ONNX model',
  // the graph
  E_GRAPH_INVALID: 'the graph breaks a rule that every rewrite relies on',
  E_GRAPH_CYCLE: 'nodes depend on each other in a circle',
  E_GRAPH_EDIT: 'an edit would leave the graph broken',
  E_ATTRIBUTE: 'an attribute is missing or has another type than the operator defines',
  E_MODEL_CLOSED: 'the model was closed and its file let go',
  // tensors and their files
  E_TENSOR_TYPE: 'a tensor has an element type that ONNX does not define, or not the one asked for',
  E_TENSOR_DIMS: 'a tensor has negative or impossibly large dimensions',
  E_TENSOR_SIZE: 'the bytes of a tensor do not fit its type and dimensions',
  E_EXTERNAL_ESCAPES: 'external data lies outside the folder of the model',
  E_EXTERNAL_MISSING: 'a file of external data does not exist or cannot be read',
  E_EXTERNAL_NOT_FILE: 'external data is not in a plain file of its own',
  E_EXTERNAL_RANGE: 'offset or length of external data are negative or go past the end of the file',
  E_SAFETENSORS: 'a safetensors file breaks a rule of its format',
  // files
  E_FILE_MISSING: 'a file does not exist',
  E_FILE_READ: 'a file cannot be read',
  E_FILE_WRITE: 'a file cannot be written',
  E_FILE_CHANGED: 'a file changed or shrank while it was in use',
  E_OVERWRITES_INPUT: 'the output would replace the input',
  E_TOO_LARGE: 'the model does not fit in the two gibibytes that protobuf allows for one message',
  // authoring
  E_AUTHOR: 'a call of the graph builder cannot be carried out',
  // rewriting
  E_PASS_OPTION: 'an option of a pass has a value that it does not take',
  E_PASS_UNKNOWN: 'there is no pass of that name',
  E_PASS_BROKE_GRAPH: 'a pass left the graph broken',
  E_PASS_DIVERGES: 'a rule keeps matching its own result',
  E_REWRITE_MISSING: 'a rewrite that was asked for found fewer places than asked for',
  E_TARGET: 'a target profile is unknown or not valid',
  // running
  E_SESSION_LOAD: 'the runtime cannot load a model',
  E_SESSION_FEED: 'an input does not fit the model in name, type or shape',
  E_SESSION_RUN: 'the runtime failed while running a model',
  E_NPY: 'a .npy file cannot be read, or its array does not fit the input it is for',
  E_VERIFY: 'two models cannot be compared',
  E_CONFIG: 'a configuration file is not valid',
  E_OM: 'the file is not a compiled model (OM) that can be read',
  // devices
  E_ACL_LIBRARY: 'the AscendCL library is not there, or cannot be used',
  E_ACL_DEVICE: 'an NPU is not there, cannot be used, or was lost',
  E_ACL_MEMORY: 'the memory of an NPU, or that of this machine, is full',
  E_NPU_SMI: 'npu-smi cannot be run, or its output cannot be read',
  E_SOC: 'the chip to compile for cannot be determined',
  // compiling
  E_PLAN: 'a plan for ATC is not valid, or asks for what cannot work',
  E_ATC: 'ATC failed, or what it wrote is not what was asked for',
  E_ATC_MISSING: 'ATC, or the environment that it needs, is not there',
  E_LOCKED: 'another process is writing the same files',
  // checkpoints
  E_CHECKPOINT: 'a checkpoint cannot be read: a file is missing, of another form, or more than one could be meant',
  E_CHECKPOINT_CONFIG: 'a configuration of a checkpoint asks for something that is not supported',
  E_CHECKPOINT_TENSOR: 'a tensor of a checkpoint is missing, or has another shape or type than its configuration says',
  E_EXPORT: 'a model cannot be exported as asked for',
  // images from text
  E_SCHEDULER: 'a scheduler cannot work with its configuration, its number of steps, or the data of a step',
  E_TOKENIZER: 'the files of a tokenizer are not valid',
  E_PROMPTS: 'a prompt file cannot be used, or prompts cannot be arranged as asked for',
  E_LATENTS: 'noise, latents or the output of a model do not have the size or values that they need',
  E_MODELS: 'the models of a pipeline are not all there, or do not fit each other, the checkpoint or the request',
  E_PIPELINE: 'the text-to-image pipeline cannot do what is asked for',
  E_IMAGE: 'an image cannot be made or written as asked for',
  E_IMAGE_INFO: 'an image info file is not valid, or belongs to other prompts',
  // command line
  E_USAGE: 'the command line is wrong',
  E_INTERNAL: 'a defect in sdgraph itself',
} as const;

/** A stable error code: a key of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Where something went wrong. Every part is optional; what is known is shown. */
export interface Where {
  /** The file, as the user named it. */
  readonly file?: string;
  /** Byte offset in that file. */
  readonly offset?: number;
  /** Path inside the model, for example `graph.node[3].attribute[0]`. */
  readonly path?: string;
  /** Name of a node, value or tensor. */
  readonly name?: string;
  /** Name of the pass that was running. */
  readonly pass?: string;
}

/** What was wanted and what was there, and what the user can do about it. */
export interface Details {
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Longest piece of a name from a file that goes into a message; hostile names can be megabytes long. */
const MAX_NAME = 200;

/** An error with a stable code, a place, and what to do next. `message` is one readable line. */
export class SdgraphError extends Error {
  override readonly name = 'SdgraphError';
  readonly code: ErrorCode;
  /** What is wrong, without the place. */
  readonly reason: string;
  readonly where: Where;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, reason: string, where: Where = {}, details: Details = {}) {
    super(describe(reason, where, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = reason;
    this.where = where;
    this.expected = details.expected;
    this.found = details.found;
    this.hint = details.hint;
  }

  /** The same error, with places that it does not name yet. */
  at(where: Where): SdgraphError {
    const { code, reason, expected, found, hint, cause } = this;
    const known = Object.entries({ expected, found, hint, cause }).filter(([, detail]) => detail !== undefined);
    return new SdgraphError(code, reason, { ...where, ...this.where }, Object.fromEntries(known));
  }

  /** The error as plain data, as `--json` prints it. */
  toJSON(): Record<string, unknown> {
    const { code, reason, where, expected, found, hint, message } = this;
    return { code, message, reason, where, expected, found, hint };
  }
}

/** Makes text from a file safe to print: one line, no control characters, bounded length. */
export function printable(text: string): string {
  const clipped = text.length > MAX_NAME ? `${text.slice(0, MAX_NAME)}…` : text;
  return clipped.replace(CONTROLS, '\ufffd');
}

/** Makes a sentence safe to print: one line, no control characters, whatever names in it came from a file. */
export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/gu, ' ').replace(CONTROLS, '\ufffd');
}

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/gu;

function describe(reason: string, where: Where, { expected, found }: Details): string {
  const place = [
    where.pass,
    where.file === undefined
      ? undefined
      : `${where.file}${where.offset === undefined ? '' : `@0x${where.offset.toString(16)}`}`,
    where.path,
    where.name === undefined ? undefined : `'${where.name}'`,
  ].filter((part) => part !== undefined);
  const facts = [
    expected === undefined ? undefined : `expected ${expected}`,
    found === undefined ? undefined : `found ${found}`,
  ].filter((part) => part !== undefined);
  const head = place.length === 0 ? '' : `${place.map(printable).join(' › ')}: `;
  return oneLine(`${head}${reason}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`);
}

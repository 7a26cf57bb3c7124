/** Errors that ATC reports. */

import { printable } from '../../errors.ts';

/** An entry of ATC's error report. */
export interface AtcError {
  /** `E10001`, `EZ3003`; warnings begin with W. */
  readonly code: string;
  readonly message: string;
  readonly causes: readonly string[];
  readonly solutions: readonly string[];
}

/** Entries that are kept. */
const MAX_ENTRIES = 100;
/** Lines behind the head of an entry that are looked at. */
const MAX_LINES = 50;
/** Longest text that is kept of a line. */
const MAX_TEXT = 2000;

const HEAD = /^(?:\[[^\]]*\]\s*)*(E[0-9A-Z]\d{4}|W\d{5})\b:?\s*(.*)$/u;
const PART = /^\s*(Solution|Possible Cause|TraceBack)\b[^:]*:\s*(.*)$/u;

interface Entry {
  readonly code: string;
  message: string;
  readonly causes: string[];
  readonly solutions: string[];
}

/** Collects entries from lines, one after the other, in bounded memory. */
export class AtcErrorReader {
  readonly #entries: Entry[] = [];
  #part: string[] | undefined;
  #lines = 0;

  /** The entries so far. */
  get errors(): readonly AtcError[] {
    return this.#entries;
  }

  /** Takes the next line, without its end. */
  take(line: string): void {
    const [, code, message = ''] = HEAD.exec(line) ?? [];
    if (code !== undefined) {
      this.#part = undefined;
      this.#lines = 0;
      if (this.#entries.length < MAX_ENTRIES) {
        this.#entries.push({ code, message: message.slice(0, MAX_TEXT), causes: [], solutions: [] });
      }
      return;
    }
    const entry = this.#entries.at(-1);
    if (entry === undefined || this.#lines >= MAX_LINES) return;
    this.#lines++;
    const [, kind, text = ''] = PART.exec(line) ?? [];
    if (kind !== undefined) {
      this.#part = kind === 'Solution' ? entry.solutions : kind === 'Possible Cause' ? entry.causes : [];
      if (text !== '') this.#part.push(text.slice(0, MAX_TEXT));
    } else if (/^\s+\S/u.test(line)) {
      this.#part?.push(line.trim().slice(0, MAX_TEXT));
    } else if (entry.message === '' && line.trim() !== '') {
      entry.message = line.trim().slice(0, MAX_TEXT);
    } else this.#lines = MAX_LINES;
  }
}

/** The entries in a text that ATC printed. */
export function parseAtcErrors(text: string): readonly AtcError[] {
  const reader = new AtcErrorReader();
  for (const line of text.split(/\r?\n/u)) reader.take(line);
  return reader.errors;
}

/** What else is known about a failure. */
export interface FailureFacts {
  readonly socVersion: string;
  readonly pluginOperators: readonly string[];
  /** Signal that ended ATC. */
  readonly signal: string | null;
  /** The last lines that ATC printed. */
  readonly tail: readonly string[];
}

const ADDED = /FlashAttentionTik|UnpadFlashAttentionMix|Tome(?:Merged|Unmerge)|SliceTransGeluMul|FindMax/u;

const NO_SPACE = 'ATC could not write: look at the free space of the disk and of its cache';

/** What can be done about a failure, most particular first; empty when nothing is known. */
export function adviseAtc(errors: readonly AtcError[], facts: FailureFacts): string[] {
  const advice = errors.flatMap((error) => adviceFor(error, facts) ?? []);
  const text = facts.tail.join('\n');
  const [, missing] = /(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})/u.exec(text) ?? [];
  if (missing !== undefined) advice.unshift(installModule(missing));
  if (/No space left on device|\bENOSPC\b/u.test(text)) advice.push(NO_SPACE);
  if (facts.signal === 'SIGKILL') {
    advice.unshift(
      'ATC was killed, most often for want of memory: compile one model at a time (--jobs 1), close other programs, or ' +
        'set TE_PARALLEL_COMPILER to a smaller number than 8',
    );
  } else if (facts.signal !== null) advice.unshift(`ATC was ended by ${facts.signal}`);
  return [...new Set(advice)];
}

function adviceFor({ code, message }: AtcError, { socVersion, pluginOperators }: FailureFacts): string | undefined {
  switch (code) {
    case 'E10001':
    case 'E10054':
      return /soc_version/u.test(message)
        ? `the installed toolkit does not know ${socVersion}: look at sdgraph soc and npu-smi info, and at the toolkit's version`
        : 'an option has a value that this version of ATC does not take; see the message';
    case 'E10007':
      return 'an option that ATC requires is missing: plan again, and let nothing change the command line';
    case 'E10016':
      return 'a name in --input_shape or another option is not in the model: sdgraph inspect lists inputs and outputs';
    case 'E16002':
      return ADDED.test(message) || pluginOperators.length > 0
        ? 'the toolkit has no parser for a plugin operator: install the operator package and source its set_env.sh (--operators-env), ' +
            'or compile the model as it was before it was optimized'
        : 'the toolkit cannot read an operator: export with opset 11, or use a newer toolkit';
    case 'E40020':
    case 'E40002':
    case 'E40001': {
      const [, module] = /module\s*\[?'?([A-Za-z][\w.]{0,100})/iu.exec(message) ?? [];
      return module === undefined
        ? 'the kernel compiler lacks a Python module; it needs numpy (below 2), decorator, sympy, attrs, psutil, protobuf, cloudpickle, scipy, tornado'
        : installModule(module);
    }
    case 'E13004':
      return NO_SPACE;
    case 'E19999':
      return 'an inner error: the log under ~/ascend/log (or ASCEND_PROCESS_LOG_PATH) has the reason';
    default:
      return code.startsWith('EZ') ? `an operator is not supported on ${socVersion}; see the message` : undefined;
  }
}

function installModule(name: string): string {
  return `the kernel compiler lacks the Python module ${printable(name)}: install it for the python3 on PATH`;
}

import { printable } from '../../errors.ts';
import type { NpuSmiError } from './report.ts';

/** What the tool's codes mean. Those from -9001 on are of the tool itself, in the same scheme. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [1, 'a parameter is not valid'],
  [2, 'the operation is not permitted to this user'],
  [3, 'memory could not be accessed'],
  [5, 'an internal error'],
  [6, 'the device did not answer in time'],
  [7, 'the number of the device is not valid'],
  [8, 'the device does not exist'],
  [9, 'a call of the driver failed'],
  [13, 'not supported in containers'],
  [17, 'firmware is being upgraded'],
  [20, 'the device is in use'],
  [255, 'not supported'],
]);

/** Failures with a cause that is known from practice. */
const CAUSES: ReadonlyMap<number, { readonly meaning: string; readonly remedy: string }> = new Map([
  [
    -8005,
    {
      meaning: 'npu-smi cannot reach the driver',
      remedy:
        'load the driver (restart after an upgrade), run as a user of its group, or map the devices into the container',
    },
  ],
  [
    -8020,
    {
      meaning: 'another container holds the device',
      remedy: 'end that container, or run npu-smi on the host',
    },
  ],
  [
    -9005,
    {
      meaning: 'npu-smi may not ask for the board in this container',
      remedy: 'run npu-smi on the host; the device itself may work all the same',
    },
  ],
]);

const CODE = /\bret(?:urn)?(?: code)? ?(?:is|=|:) ?(-[0-9]{3,5})\b/iu;

/** Lines that report a failure without a code. */
const FAILURES = [
  /\bfailed\b/iu,
  /^Failed to\b/iu,
  /^Error parameter of\b/iu,
  /^This device does not support querying\b/iu,
  /^Command or option is not found\b/iu,
  /\bnpu-smi: (?:command )?not found\b/iu,
  /\berror while loading shared libraries\b/iu,
];

/** Notices the first failure in a text; one with a code goes before those without. */
export class ErrorReader {
  #coded: NpuSmiError | undefined;
  #plain: NpuSmiError | undefined;

  /** Takes a line if it reports a failure. */
  take(text: string): boolean {
    const [, code] = CODE.exec(text) ?? [];
    if (code !== undefined) this.#coded ??= { text, code: Number(code) };
    else if (FAILURES.some((failure) => failure.test(text))) this.#plain ??= { text, code: null };
    else return false;
    return true;
  }

  /** The failure; one without a code counts only where the tool answered nothing else. */
  error(hasAnswer: boolean): NpuSmiError | null {
    return this.#coded ?? (hasAnswer ? undefined : this.#plain) ?? null;
  }
}

/**
 * What a failure of `npu-smi` means and what to do. None of them proves that there is no NPU: AscendCL can work in
 * containers in which this tool does not.
 */
export function explainError({ code, text }: NpuSmiError): { readonly meaning: string; readonly remedy?: string } {
  const cause = CAUSES.get(code ?? 0);
  if (cause !== undefined) return cause;
  const meaning = code === null ? undefined : MEANINGS.get(-code % 1000);
  if (meaning !== undefined) return { meaning: `npu-smi reports ${code}: ${meaning}` };
  return { meaning: `npu-smi reports: ${printable(text)}` };
}

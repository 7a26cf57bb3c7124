/** Gets at what `npu-smi` says: runs it, or reads a file. */

import { createReadStream } from 'node:fs';
import { printable, SdgraphError } from '../../errors.ts';
import { systemReason } from '../../wire/source.ts';
import { type RunToolOptions, runTool, type ToolResult } from '../run-tool.ts';
import type { SocReason } from '../soc.ts';
import { chipsOf } from './chips.ts';
import { parseNpuSmi } from './parse.ts';
import type { NpuSmiReport } from './report.ts';

/** Most chips that are asked for their board, one call each; the largest machines have 16. */
const MAX_BOARDS = 64;

/** What `npu-smi` answered. */
export interface NpuSmiAnswers {
  /** All answers together; undefined when the first call failed. */
  readonly report?: NpuSmiReport;
  readonly failure?: SocReason;
  /** Later calls that failed. */
  readonly notes: readonly string[];
}

/**
 * Runs `npu-smi info`, and what else is needed to name every chip. Calls are made one after the other: the tool must
 * not run twice at once.
 */
export async function askNpuSmi(
  file: string,
  options: RunToolOptions,
  known: ReadonlySet<string>,
): Promise<NpuSmiAnswers> {
  const texts: string[] = [];
  const notes: string[] = [];
  const report = (): NpuSmiReport => parseNpuSmi(texts.join('\n'));
  /** False when the call failed in a way in which others would fail, too. */
  const ask = async (...args: readonly string[]): Promise<boolean> => {
    const result = await runTool(file, ['info', ...args], options);
    if (result.kind !== 'done') {
      notes.push(`npu-smi info ${args.join(' ')} ${result.text}`);
      return false;
    }
    const { parts, error } = parseNpuSmi(result.stdout);
    // An answer counts, the refusal of one must not hide what other calls say.
    if (error === null) texts.push(result.stdout);
    else notes.push(`npu-smi info ${args.join(' ')}: ${printable(error.text)}`);
    return parts.length > 0;
  };

  const first = await runTool(file, ['info'], options);
  if (first.kind !== 'done') return { failure: notRun(file, first), notes };
  texts.push(first.stdout);
  if (report().parts.length === 0) {
    texts.push(first.stderr);
    if (report().parts.length === 0) return { failure: notReadable(first), report: report(), notes };
  }
  if (report().error !== null) return { report: report(), notes };

  const nameless = chipsOf(report(), known).filter((chip) => chip.soc_version === null && chip.npu !== null);
  for (const { npu, chip } of nameless.slice(0, MAX_BOARDS)) {
    const place = chip === null ? ['-i', `${npu}`] : ['-i', `${npu}`, '-c', `${chip}`];
    if (!(await ask('-t', 'board', ...place))) break;
  }
  const chips = chipsOf(report(), known);
  const isWhole = chips.length > 0 && chips.every((chip) => chip.soc_version !== null && chip.device !== null);
  if (!isWhole) await ask('-m');
  if (chipsOf(report(), known).length === 0) await ask('-l');
  return { report: report(), notes };
}

/**
 * Reads a file with what `npu-smi` printed.
 *
 * @throws SdgraphError `E_FILE_MISSING`, `E_FILE_READ`, or `E_NPU_SMI` when it has more than `maxBytes`
 */
export async function readCapture(file: string, maxBytes: number): Promise<NpuSmiReport> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // One byte more than allowed tells that there is more, of a pipe as of a file.
    for await (const chunk of createReadStream(file, { end: maxBytes })) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new SdgraphError('E_FILE_MISSING', 'the file does not exist', { file });
    throw new SdgraphError(
      'E_FILE_READ',
      'the file cannot be read',
      { file },
      { found: systemReason(error), cause: error },
    );
  }
  if (size > maxBytes) {
    const details = { expected: `at most ${maxBytes} bytes`, hint: 'give what npu-smi info prints' };
    throw new SdgraphError('E_NPU_SMI', 'the file is too large to be of npu-smi', { file }, details);
  }
  return parseNpuSmi(Buffer.concat(chunks).toString('utf8'));
}

function notRun(file: string, { kind, text }: Exclude<ToolResult, { kind: 'done' }>): SocReason {
  const tool = printable(file);
  const elsewhere =
    'or run npu-smi info elsewhere and give its output with --from, or name the chip with --soc-version';
  switch (kind) {
    case 'missing': {
      const hint = `install the driver, or mount npu-smi into this container, ${elsewhere}`;
      return { code: 'E_NPU_SMI', kind: 'tool-missing', text: `there is no program ${tool}`, hint };
    }
    case 'timeout':
      return { code: 'E_NPU_SMI', kind: 'tool-timeout', text: `${tool} ${text}`, hint: `try again, ${elsewhere}` };
    case 'too-large':
      return {
        code: 'E_NPU_SMI',
        kind: 'tool-too-large',
        text: `${tool} ${text}`,
        hint: `look at what it is, ${elsewhere}`,
      };
    default:
      return {
        code: 'E_NPU_SMI',
        kind: 'tool-failed',
        text: `${tool} ${text}`,
        hint: `look whether it runs, ${elsewhere}`,
      };
  }
}

function notReadable({ exitCode, stdout, stderr }: Extract<ToolResult, { kind: 'done' }>): SocReason {
  const said = `${stderr}\n${stdout}`.split('\n').find((line) => line.trim() !== '') ?? 'nothing';
  const text = `npu-smi gives no answer that is known: it ends with ${exitCode} and prints: ${printable(said)}`;
  return { code: 'E_NPU_SMI', kind: 'tool-failed', text, hint: 'name the chip with --soc-version' };
}

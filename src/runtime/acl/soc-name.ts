import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { oneLine, SdgraphError } from '../../errors.ts';
import { type Environment, presentCandidates } from './lookup.ts';

/** How {@link socNameFromAcl} asks. */
export interface SocNameOptions {
  /** Path of the AscendCL library; else it is looked for as for a session. */
  readonly library?: string;
  /** Environment in which to look and to ask, in place of this process's. */
  readonly env?: Environment;
  /** Longest time that the library may take, in milliseconds; 20,000 if not given. */
  readonly timeoutMs?: number;
}

/** The program that asks. */
const PROGRAM = fileURLToPath(new URL('./thread/soc-name.js', import.meta.url));

/** Most that libraries may print. */
const MAX_OUTPUT = 2 ** 20;

/**
 * The chip of this machine as AscendCL names it (`aclrtGetSocName`), for example `Ascend310P3`. The library is loaded in a
 * process of its own, which may crash or hang without harm.
 *
 * @returns undefined where there is no library
 * @throws SdgraphError `E_ACL_LIBRARY` when there is one, but it does not tell
 */
export async function socNameFromAcl(options: SocNameOptions = {}): Promise<string | undefined> {
  const { library, env = process.env, timeoutMs = 20_000 } = options;
  const candidates = presentCandidates(library, env);
  if (candidates.length === 0) return undefined;
  const answer = await ask(candidates, env, timeoutMs);
  if (typeof answer !== 'string') return answer.name;
  const found = oneLine(answer).slice(0, 400);
  throw new SdgraphError('E_ACL_LIBRARY', 'AscendCL does not tell the chip of this machine', {}, { found });
}

/** The name, or why there is none. */
function ask(candidates: readonly string[], env: Environment, timeout: number): Promise<{ name: string } | string> {
  const bounds = { timeout, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...candidates], { ...bounds, env: { ...env } }, (error, stdout) => {
      const line = stdout.trimEnd().split('\n').at(-1) ?? '';
      const answer = parse(line);
      if (answer !== undefined) resolve(answer.name === undefined ? (answer.error ?? '') : { name: answer.name });
      else if (error?.killed === true) resolve(`the library did not answer within ${timeout / 1000} s`);
      else resolve(`the library ended the process that asked it (${error?.signal ?? error?.code ?? 'no answer'})`);
    });
  });
}

function parse(line: string): { name?: string; error?: string } | undefined {
  try {
    return JSON.parse(line) as { name?: string; error?: string };
  } catch {
    return undefined;
  }
}

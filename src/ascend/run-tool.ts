/** Runs one program to its end, within bounds of time and output, and never through a shell. */

import { execa } from 'execa';

/** How to run a program. */
export interface RunToolOptions {
  /** The whole environment of the program; its `PATH` finds the program. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Most characters that it may print on each stream. */
  readonly maxBytes: number;
}

/** How a run ended. Text is UTF-8; bytes that are not become U+FFFD. */
export type ToolResult =
  | { readonly kind: 'done'; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  /** `missing`: there is no such program; `denied`: it may not be run; `failed`: it cannot be started otherwise. */
  | { readonly kind: 'missing' | 'denied' | 'failed'; readonly text: string }
  /** `timeout`, `too-large`: it was ended because of a bound; `killed`: by a signal from elsewhere. */
  | { readonly kind: 'timeout' | 'too-large' | 'killed'; readonly text: string };

/** Process groups of programs that run, ended when this process exits. */
const running = new Set<() => void>();
let hooked = false;

/**
 * Runs a program. It leads a process group of its own, and whatever it started is ended with it: when it exceeds a
 * bound, and when this process exits.
 */
export async function runTool(
  file: string,
  args: readonly string[],
  { env, timeoutMs, maxBytes }: RunToolOptions,
): Promise<ToolResult> {
  const child = execa(file, args, {
    env,
    extendEnv: false,
    shell: false,
    stdin: 'ignore',
    reject: false,
    stripFinalNewline: false,
    maxBuffer: maxBytes,
    // A group of its own, so that it can be ended with all that it starts. It gets no Ctrl-C from the terminal then.
    detached: true,
  });
  const end = (): void => {
    endGroup(child.pid);
    // Whatever left the group may keep the streams open for ever.
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  endWithProcess(end);
  try {
    const result = await child;
    if (isLate) return { kind: 'timeout', text: `did not end within ${timeoutMs / 1000} s` };
    if (result.isMaxBuffer) return { kind: 'too-large', text: `printed more than ${maxBytes} characters` };
    if (result.signal !== undefined) return { kind: 'killed', text: `was ended by ${result.signal}` };
    const { exitCode, stdout, stderr } = result;
    if (exitCode !== undefined) return { kind: 'done', exitCode, stdout, stderr };
    return { kind: startFailure(result.code), text: result.originalMessage ?? 'cannot be started' };
  } finally {
    clearTimeout(timer);
    running.delete(end);
    end();
  }
}

function startFailure(code: string | undefined): 'missing' | 'denied' | 'failed' {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'failed';
}

function endWithProcess(end: () => void): void {
  if (!hooked) {
    hooked = true;
    process.on('exit', () => {
      for (const each of running) each();
    });
  }
  running.add(end);
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

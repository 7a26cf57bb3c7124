import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compile } from './compile.ts';

/** What a run of the command line gave. */
export interface CliResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run. */
export interface CliOptions {
  readonly cwd?: string;
  /** Variables beside those of the tests; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The command line, compiled into a temporary folder: the program as it is installed, started as users start it. */
export interface Cli {
  /** The file that Node runs. */
  readonly program: string;
  /** Runs `sdgraph ARGS` to its end. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Starts `sdgraph ARGS`; all three streams are pipes. */
  start(args: readonly string[], options?: CliOptions): ChildProcess;
  /** Removes the folder. */
  remove(): void;
}

/** Compiles the command line. */
export function buildCli(): Cli {
  const root = resolve(import.meta.dirname, '../..');
  const compiled = compile('src/cli/main.ts');
  const folder = dirname(dirname(dirname(compiled.path('src/cli/main.ts'))));
  for (const sources of ['src', 'passes']) {
    cpSync(join(root, sources), join(folder, sources), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
    });
  }
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(root, 'bin/sdgraph.js'), join(folder, 'bin/sdgraph.js'));
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync('.', join(folder, 'dist'));
  const program = join(folder, 'bin/sdgraph.js');
  const start = (args: readonly string[], { cwd, env = {} }: CliOptions = {}): ChildProcess =>
    spawn(process.execPath, [program, ...args], {
      cwd: cwd ?? folder,
      env: { ...process.env, ...env },
      stdio: 'pipe',
    });
  return {
    program,
    start,
    run: async (args, options) => finished(start(args, options)),
    remove: () => compiled.remove(),
  };
}

/** Collects what a process prints until it ends. */
export async function finished(child: ChildProcess): Promise<CliResult> {
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
    });
  }
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => done({ code, signal, ...texts }));
  });
}

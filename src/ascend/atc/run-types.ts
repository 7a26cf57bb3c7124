import type { SdgraphError } from '../../errors.ts';
import type { AtcError } from './errors.ts';

/** What became of a step. */
export type StepStatus =
  | 'compiled'
  /** The output is there already, of the same model, options, chip and toolkit. */
  | 'up-to-date'
  | 'failed'
  | 'cancelled'
  /** Not begun, because another step failed or the run was cancelled. */
  | 'not-run';

/** The result of one step. */
export interface StepResult {
  readonly name: string;
  readonly status: StepStatus;
  /** The compiled model, relative to the folder of the models; null where there is none. */
  readonly output: { readonly file: string; readonly bytes: number; readonly sha256: string } | null;
  /** File with everything that ATC printed, relative to the folder of the models; null where it did not run. */
  readonly log: string | null;
  readonly milliseconds: number;
  readonly error: SdgraphError | null;
  /** What ATC reported. */
  readonly atcErrors: readonly AtcError[];
  /** What can be done about it. */
  readonly advice: readonly string[];
  /** The last lines that ATC printed before the step failed. */
  readonly tail: readonly string[];
  readonly warnings: readonly string[];
}

/** The result of a run. */
export interface RunReport {
  readonly ok: boolean;
  readonly socVersion: string;
  readonly toolkitVersion: string | null;
  /** The program that compiled. */
  readonly atc: string;
  readonly steps: readonly StepResult[];
}

/** How far a step is. */
export interface RunProgress {
  readonly step: string;
  readonly phase: 'waiting' | 'reading' | 'compiling' | 'checking' | 'done';
  /** Since the step began. */
  readonly milliseconds: number;
}

/** How a plan is run. */
export interface RunOptions {
  /** Folder of the models; everything that the plan names is below it. */
  readonly modelDir: string;
  /** Steps at a time; each may take tens of gigabytes. Default 1. */
  readonly jobs?: number;
  /** Memory in bytes that has to be free before another step joins one that runs. Default 16 GiB. */
  readonly memoryPerStep?: number;
  /** Milliseconds for each step; no limit if not given. */
  readonly timeoutMs?: number;
  /** Milliseconds between SIGTERM and SIGKILL. Default 5000. */
  readonly graceMs?: number;
  /** Compile even what is up to date. Default false. */
  readonly force?: boolean;
  /** Go on with other steps when one fails. Default false. */
  readonly keepGoing?: boolean;
  /** The program: a path, or a name that PATH finds. Default `atc`. */
  readonly atc?: string;
  /** Scripts in place of those of the plan. */
  readonly toolkitScript?: string;
  readonly operatorsScript?: string;
  readonly followLinks?: boolean;
  /** Take options that can reach beyond the compilation. Default false. */
  readonly allowUnsafe?: boolean;
  /** The environment to begin with. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RunProgress) => void;
}

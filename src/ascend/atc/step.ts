/** Runs one step of a plan. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { printable, SdgraphError } from '../../errors.ts';
import { systemReason } from '../../wire/source.ts';
import { buildArgv } from './argv.ts';
import { type CheckedOutput, checkOutput } from './check-output.ts';
import type { AtcEnvironment } from './environment.ts';
import { adviseAtc } from './errors.ts';
import { withLock } from './file-lock.ts';
import { type LockEntry, readLockFile, recordEntry } from './lock-file.ts';
import { hashFile, type ModelFacts, readModelFacts } from './model-facts.ts';
import { ATC_OPTIONS } from './options.ts';
import { folderBelow, relativeParts, requireReplaceable } from './plan-paths.ts';
import type { AtcPlan, AtcStep } from './plan-types.ts';
import { type AtcRun, runAtc } from './process.ts';
import type { RunOptions, RunProgress, StepResult } from './run-types.ts';
import { Scratch } from './scratch.ts';

/** What the steps of a run share. */
export interface StepContext {
  readonly plan: AtcPlan;
  /** Absolute. */
  readonly modelDir: string;
  readonly environment: AtcEnvironment;
  readonly options: RunOptions;
}

const GRACE_MS = 5000;
/** Last lines of ATC that a failure is reported with. */
const TAIL_LINES = 20;

/** Runs a step. What goes wrong with it is in the result; only defects of sdgraph are thrown. */
export async function runStep(context: StepContext, step: AtcStep): Promise<StepResult> {
  return new StepRunner(context, step).run();
}

/** How ATC failed, beside the error. */
type Failure = Pick<StepResult, 'atcErrors' | 'advice' | 'tail'>;

class StepRunner {
  readonly #context: StepContext;
  readonly #step: AtcStep;
  readonly #started = performance.now();
  readonly #startedAt = new Date().toISOString();
  #log: string | null = null;
  #failure: Failure = { atcErrors: [], advice: [], tail: [] };
  #phase: RunProgress['phase'] = 'reading';

  constructor(context: StepContext, step: AtcStep) {
    this.#context = context;
    this.#step = step;
  }

  async run(): Promise<StepResult> {
    const ticker = setInterval(() => this.#report(), 1000);
    ticker.unref();
    try {
      this.#enter('reading');
      return await this.#locked();
    } catch (error) {
      return this.#failed(error);
    } finally {
      clearInterval(ticker);
      this.#enter('done');
    }
  }

  async #locked(): Promise<StepResult> {
    const { modelDir, options } = this.#context;
    const { directory, output, expected, name } = this.#step;
    const folder = folderBelow(modelDir, directory, `/steps/${name}/directory`);
    for (const file of [...expected, `${output}.atc.log`])
      requireReplaceable(join(folder, file), `/steps/${name}/output`);
    const lock = join(folder, `.${output}.om.sdgraph-lock`);
    return withLock(lock, { waitMs: 0, signal: options.signal }, async () => this.#update(folder));
  }

  /** Compiles unless what is there is up to date. */
  async #update(folder: string): Promise<StepResult> {
    const { modelDir, options } = this.#context;
    const { directory, output } = this.#step;
    const facts = await this.#readModel(folder);
    const key = this.#keyOf(facts);
    const known = options.force === true ? undefined : await this.#upToDate(key);
    if (known !== undefined) return { ...this.#result('up-to-date'), output: known.output };
    using scratch = new Scratch(folder, `${output}.om`);
    this.#fill(scratch.path, folder, facts);
    const run = await this.#compile(scratch.path, join(folder, `${output}.atc.log`));
    this.#judge(run);
    this.#enter('checking');
    const { followLinks = false } = options;
    const socVersion = this.#context.plan.socVersion.value;
    const checked = await checkOutput(scratch.path, this.#step, join(folder, this.#step.model.file), {
      socVersion,
      followLinks,
    });
    const { bytes, sha256 } = await hashFile(checked.path, options.signal);
    const file = join(directory === '.' ? '' : directory, checked.file);
    publish(scratch.path, folder, checked);
    const entry = this.#entry(key, facts, { file, bytes, sha256 }, checked.atcVersion);
    await recordEntry(modelDir, entry);
    const warnings = [...toolkitWarnings(this.#context), ...checked.warnings];
    return { ...this.#result('compiled'), output: entry.output, warnings };
  }

  /** The model as it is now, which has to be the one that was planned for. */
  async #readModel(folder: string): Promise<ModelFacts> {
    const { followLinks = false, signal } = this.#context.options;
    const { file, sha256, data } = this.#step.model;
    const facts = await readModelFacts(join(folder, file), { followLinks, signal });
    const isSame =
      (sha256 === null || sha256 === facts.sha256) &&
      data.length === facts.data.length &&
      data.every(
        (each, i) =>
          each.file === facts.data[i]?.file && (each.sha256 ?? facts.data[i]?.sha256) === facts.data[i]?.sha256,
      );
    if (isSame) return facts;
    throw new SdgraphError(
      'E_FILE_CHANGED',
      'the model is not the one that was planned for',
      { file: join(folder, file) },
      { hint: 'plan again' },
    );
  }

  /** SHA-256 of everything that the output depends on. */
  #keyOf({ sha256, data }: ModelFacts): string {
    const { plan, environment } = this.#context;
    const parts = [
      plan.socVersion.value,
      environment.toolkitVersion,
      buildArgv(this.#step, plan.socVersion.value),
      this.#step.files.map(({ file, content }) => [file, content]),
      sha256,
      data.map((each) => [each.file, each.sha256]),
    ];
    return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  }

  async #upToDate(key: string): Promise<LockEntry | undefined> {
    const { modelDir, options } = this.#context;
    const entries = await readLockFile(modelDir).catch((error: unknown) => {
      if (error instanceof SdgraphError && error.code === 'E_CONFIG') return [];
      throw error;
    });
    const { directory, expected, name } = this.#step;
    const entry = entries.find((each) => each.name === name && each.key === key);
    if (entry === undefined) return undefined;
    const file = expected.find((each) => join(directory === '.' ? '' : directory, each) === entry.output.file);
    const path = file === undefined ? undefined : join(modelDir, entry.output.file);
    if (path === undefined || !existsSync(path)) return undefined;
    const { sha256 } = await hashFile(path, options.signal);
    return sha256 === entry.output.sha256 ? entry : undefined;
  }

  /** Gives ATC the names that its command line has: links to the model and its data, and the files of the plan. */
  #fill(scratch: string, folder: string, { data }: ModelFacts): void {
    const { model, files, options, expected, name: step } = this.#step;
    const link = (file: string): void => {
      const path = join(scratch, file);
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(join(folder, file), path);
    };
    link(model.file);
    for (const { file } of data) {
      const [top = ''] = file.split('/');
      // ATC would write through the link.
      if (expected.includes(top) || top === 'weight') {
        const hint = 'save the model with its data under another name, or name the output otherwise';
        const reason = `the data file ${printable(file)} of the model is where ATC writes`;
        throw new SdgraphError('E_PLAN', reason, { path: `/steps/${step}/output` }, { hint });
      }
      link(file);
    }
    for (const { file, content } of files) writeFileSync(join(scratch, file), content, { flag: 'wx' });
    for (const [name, value] of Object.entries(options)) {
      if (ATC_OPTIONS.get(name)?.values.kind !== 'folder') continue;
      const parts = relativeParts(value, `/steps/${this.#step.name}/options/${name}`);
      for (const i of parts.keys()) makeFolder(folder, parts.slice(0, i + 1).join('/'));
      if (!existsSync(join(scratch, value))) link(parts.join('/'));
    }
  }

  async #compile(cwd: string, log: string): Promise<AtcRun> {
    const { plan, environment, options, modelDir } = this.#context;
    this.#enter('compiling');
    this.#log = log.slice(modelDir.length + 1);
    return runAtc({
      file: environment.atc,
      args: buildArgv(this.#step, plan.socVersion.value),
      cwd,
      env: environment.env,
      log,
      timeoutMs: options.timeoutMs,
      graceMs: options.graceMs ?? GRACE_MS,
      signal: options.signal,
    });
  }

  /** Success takes the exit code and the line; the file is looked at afterwards. */
  #judge({ end, exitCode, signal, output, reason }: AtcRun): void {
    if (end === 'cancelled') throw new DOMException('cancelled', 'AbortError');
    // What is wrong may show only in the file that it wrote.
    this.#failure = { atcErrors: output.errors, advice: [], tail: output.tail.slice(-TAIL_LINES) };
    if (end === 'exited' && exitCode === 0 && output.hasSucceeded) return;
    const facts = {
      socVersion: this.#context.plan.socVersion.value,
      pluginOperators: this.#step.pluginOperators,
      signal: end === 'exited' ? signal : null,
      tail: output.tail,
    };
    const first = output.errors.find(({ code }) => code.startsWith('E'));
    const advice = end === 'exited' ? adviseAtc(output.errors, facts) : [];
    this.#failure = { ...this.#failure, advice };
    const hint = advice[0] ?? `look at ${this.#log ?? 'the log'}`;
    throw new SdgraphError(
      'E_ATC',
      this.#explain(end, exitCode, signal, reason),
      { name: this.#step.name },
      {
        ...(first === undefined ? {} : { found: `${first.code}: ${first.message}` }),
        hint,
      },
    );
  }

  #explain(end: AtcRun['end'], exitCode: number | null, signal: string | null, reason: string | undefined): string {
    const { timeoutMs = 0 } = this.#context.options;
    if (end === 'timeout') return `ATC did not end within ${timeoutMs / 1000} s`;
    if (end === 'not-started') return `ATC cannot be started: ${reason}`;
    if (signal !== null) return `ATC was ended by ${signal}`;
    return exitCode === 0
      ? 'ATC ended with 0, but did not say that it succeeded'
      : `ATC failed with exit code ${exitCode}`;
  }

  #entry(key: string, facts: ModelFacts, output: LockEntry['output'], atcVersion: string | null): LockEntry {
    const { plan, environment } = this.#context;
    const { name, directory, model } = this.#step;
    const below = (file: string): string => join(directory === '.' ? '' : directory, file);
    return {
      name,
      key,
      socVersion: plan.socVersion.value,
      toolkitVersion: environment.toolkitVersion,
      atcVersion,
      argv: buildArgv(this.#step, plan.socVersion.value),
      model: { file: below(model.file), bytes: facts.bytes, sha256: facts.sha256 as string },
      data: facts.data.map(({ file, bytes, sha256 }) => ({ file: below(file), bytes, sha256: sha256 as string })),
      output,
      startedAt: this.#startedAt,
      milliseconds: this.#elapsed(),
    };
  }

  #failed(thrown: unknown): StepResult {
    if (this.#context.options.signal?.aborted === true) return this.#result('cancelled');
    const error = systemError(thrown) ?? thrown;
    if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') throw error;
    return { ...this.#result('failed'), error, ...this.#failure };
  }

  #result(status: StepResult['status']): StepResult {
    const milliseconds = this.#elapsed();
    const { name } = this.#step;
    return { ...NOTHING, name, status, log: this.#log, milliseconds };
  }

  #elapsed(): number {
    return Math.round(performance.now() - this.#started);
  }

  #enter(phase: RunProgress['phase']): void {
    this.#phase = phase;
    this.#report();
  }

  #report(): void {
    const { onProgress } = this.#context.options;
    onProgress?.({ step: this.#step.name, phase: this.#phase, milliseconds: this.#elapsed() });
  }
}

/** The parts of a result that a step without an outcome has. */
export const NOTHING = {
  output: null,
  log: null,
  milliseconds: 0,
  error: null,
  atcErrors: [],
  advice: [],
  tail: [],
  warnings: [],
} as const satisfies Omit<StepResult, 'name' | 'status'>;

/** What a toolkit older than the plan takes for granted means. Releases of one version are not told apart. */
function toolkitWarnings({ plan, environment: { toolkitVersion } }: StepContext): string[] {
  const [found, least] = [toolkitVersion ?? '', plan.toolkit.min].map((text) => /^(\d{1,4})\.(\d{1,4})\b/u.exec(text));
  if (!found || !least) return [];
  const [, major = 0, minor = 0] = found.map(Number);
  const [, leastMajor = 0, leastMinor = 0] = least.map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return [];
  return [`the toolkit is CANN ${toolkitVersion}, the plan is for ${plan.toolkit.min} or newer: try the model out`];
}

/** A failure of the file system, such as a full disk, as an error of ours. */
function systemError(thrown: unknown): SdgraphError | undefined {
  const { syscall, path } = thrown as NodeJS.ErrnoException;
  if (!(thrown instanceof Error) || syscall === undefined) return undefined;
  const where = path === undefined ? {} : { file: path };
  return new SdgraphError('E_FILE_WRITE', `${syscall} failed: ${systemReason(thrown)}`, where, { cause: thrown });
}

/** Makes a folder that ATC is told to use. Its parents are there, and none of them is a link. */
function makeFolder(base: string, path: string): void {
  const full = join(base, path);
  if (!existsSync(full)) mkdirSync(full);
  folderBelow(base, path, '/options');
}

/** Puts the compiled model in place whole; before it the weights that ATC was told to keep outside of it. */
function publish(scratch: string, folder: string, { file, path }: CheckedOutput): void {
  try {
    const weights = join(scratch, 'weight');
    if (existsSync(weights)) {
      makeFolder(folder, 'weight');
      for (const each of readdirSync(weights)) {
        requireReplaceable(join(folder, 'weight', each), '/output');
        renameSync(join(weights, each), join(folder, 'weight', each));
      }
    }
    sync(path);
    renameSync(path, join(folder, file));
    sync(folder);
  } catch (cause) {
    if (cause instanceof SdgraphError) throw cause;
    throw new SdgraphError(
      'E_FILE_WRITE',
      `the compiled model cannot be put in place: ${systemReason(cause)}`,
      { file: join(folder, file) },
      { cause },
    );
  }
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

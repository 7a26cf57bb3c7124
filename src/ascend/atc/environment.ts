/** The environment that ATC runs in, and where it is. */

import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { runTool } from '../run-tool.ts';
import type { AtcPlan } from './plan-types.ts';

/** Names and values of variables. */
export type Environment = Readonly<Record<string, string>>;

/** How the environment is set up. */
export interface EnvironmentOptions {
  /** The environment to begin with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The program, a path or a name; `atc` if not given. */
  readonly atc?: string | undefined;
  /** Scripts in place of those of the plan. */
  readonly toolkitScript?: string | undefined;
  readonly operatorsScript?: string | undefined;
}

/** An environment with ATC in it. */
export interface AtcEnvironment {
  readonly env: Environment;
  /** Absolute path of the program. */
  readonly atc: string;
  /** What the installation says of itself; null where it says nothing. */
  readonly toolkitVersion: string | null;
  readonly scripts: readonly string[];
}

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 4 << 20;

/** Sources scripts without handing them the list of themselves as arguments, then prints the environment. */
const CAPTURE = [
  'scripts=("$@")',
  'set --',
  'for script in "${scripts[@]}"; do source "$script" >&2 || exit 113; done',
  'exec env -0',
].join('\n');

/**
 * Sources the scripts of a plan once and finds ATC.
 *
 * @throws SdgraphError `E_ATC_MISSING` when a script or ATC is not there, or a script fails
 */
export async function atcEnvironment(
  plan: Pick<AtcPlan, 'environment'>,
  options: EnvironmentOptions,
): Promise<AtcEnvironment> {
  const base = defined(options.env);
  const { atc = 'atc' } = options;
  const scripts: string[] = [];
  for (const { kind, script } of plan.environment) {
    const chosen = kind === 'toolkit' ? options.toolkitScript : options.operatorsScript;
    const path = resolve(chosen ?? script);
    if (existsSync(path)) scripts.push(path);
    else if (chosen !== undefined || !isSetUp(kind, base, atc)) throw scriptMissing(kind, path);
  }
  const env = scripts.length === 0 ? base : await capture(scripts, base);
  return { env, atc: findAtc(atc, env), toolkitVersion: toolkitVersion(env), scripts };
}

/** Whether the environment has what a script would set up. */
function isSetUp(kind: 'toolkit' | 'operators', env: Environment, atc: string): boolean {
  if (kind === 'toolkit') return search(atc, env) !== undefined;
  const { ASCEND_CUSTOM_OPP_PATH: path = '' } = env;
  return path !== '';
}

function scriptMissing(kind: 'toolkit' | 'operators', file: string): SdgraphError {
  const [reason, hint] =
    kind === 'toolkit'
      ? ['the script that sets up the toolkit is not there', 'name it with --toolkit-env, or source it before']
      : [
          'the script that sets up the operator package is not there, and the models have operators of it',
          'install the package that fits the toolkit, or name its set_env.sh with --operators-env',
        ];
  return new SdgraphError('E_ATC_MISSING', reason, { file }, { hint });
}

async function capture(scripts: readonly string[], env: Environment): Promise<Environment> {
  const limits = { env, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
  const result = await runTool('bash', ['-c', CAPTURE, 'bash', ...scripts], limits);
  const file = scripts.join(', ');
  if (result.kind !== 'done') {
    throw new SdgraphError('E_ATC_MISSING', `the environment cannot be set up: ${result.text}`, { file });
  }
  if (result.exitCode !== 0) {
    const said = result.stderr.trim().split('\n').at(-1) ?? '';
    const reason = `a script that sets up the environment failed${said === '' ? '' : `: ${said.slice(0, 300)}`}`;
    throw new SdgraphError('E_ATC_MISSING', reason, { file });
  }
  const pairs = result.stdout.split('\0').flatMap((entry): [string, string][] => {
    const at = entry.indexOf('=');
    return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)]] : [];
  });
  return Object.fromEntries(pairs);
}

function findAtc(name: string, env: Environment): string {
  const found = search(name, env);
  if (found !== undefined) return found;
  throw new SdgraphError(
    'E_ATC_MISSING',
    name.includes('/') ? 'there is no program at the path given for ATC' : 'ATC is not on PATH',
    { file: name },
    { hint: 'install the CANN toolkit and name its set_env.sh with --toolkit-env, or name the program with --atc' },
  );
}

function search(name: string, { PATH: path = '' }: Environment): string | undefined {
  const candidates = name.includes('/')
    ? [resolve(name)]
    : path.split(delimiter).flatMap((folder) => (folder === '' ? [] : [resolve(folder, name)]));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}

function toolkitVersion({ ASCEND_HOME_PATH: home, ASCEND_TOOLKIT_HOME: toolkit }: Environment): string | null {
  for (const root of [home, toolkit]) {
    if (root === undefined || root === '') continue;
    try {
      for (const folder of readdirSync(root).toSorted()) {
        if (!folder.endsWith('-linux')) continue;
        const text = readFileSync(join(root, folder, 'ascend_toolkit_install.info'), 'utf8').slice(0, 10_000);
        const [, version] = /^version=([\w.-]{1,64})\s*$/mu.exec(text) ?? [];
        if (version !== undefined) return version;
      }
    } catch {
      // Not every toolkit says which it is.
    }
  }
  return null;
}

function defined(env: Readonly<Record<string, string | undefined>>): Environment {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

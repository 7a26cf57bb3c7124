/** Plans as shell scripts, to be run where sdgraph is not. */

import { resolve } from 'node:path';
import { ATC_OPTIONS } from './options.ts';
import type { AtcPlan, AtcStep, PlanScript } from './plan-types.ts';

/** Text as one word of a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return /^[\w%+,./:@=-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * A bash script that does what the plan says: sets up the environment, runs ATC for each step in the folder of its model,
 * and stops at the first failure. Its one argument replaces the folder of the models.
 */
export function planToShell(plan: AtcPlan, modelDir: string): string {
  return [
    '#!/usr/bin/env bash',
    `# Compiles models for ${plan.socVersion.value} with ATC. Usage: bash SCRIPT [FOLDER OF THE MODELS]`,
    '# Names are quoted so that nothing in them is expanded.',
    '# shellcheck disable=SC2016',
    'set -euo pipefail',
    '',
    'if [ "$#" -gt 0 ]; then',
    '  model_dir=$1',
    'else',
    `  model_dir=${shellQuote(resolve(modelDir))}`,
    'fi',
    // A folder that begins with a dash would be taken for an option.
    'case $model_dir in /*) ;; *) model_dir=$PWD/$model_dir ;; esac',
    '',
    '# What ATC writes has to be newer than this.',
    'started=$(mktemp)',
    'trap \'rm -f -- "$started"\' EXIT',
    '',
    ...SET_UP,
    ...plan.environment.map(({ kind, script }: PlanScript) => `set_up ${kind} ${shellQuote(script)}`),
    '',
    ...RUN_ATC,
    ...plan.steps.flatMap(stepLines),
    '',
  ].join('\n');
}

/** The scripts of the toolkit read variables that are not set. */
const SET_UP = [
  'set_up() {',
  '  local kind=$1 script=$2',
  '  # A script must not see these as its own arguments.',
  '  set --',
  '  if [ -f "$script" ]; then',
  '    set +eu',
  '    # shellcheck disable=SC1090',
  '    source "$script"',
  '    set -eu',
  '  elif [ "$kind" = toolkit ] && command -v atc > /dev/null; then',
  '    : # The environment is set up already.',
  '  else',
  '    printf \'%s is not there: set up the environment of the %s first\\n\' "$script" "$kind" >&2',
  '    exit 1',
  '  fi',
  '}',
];

const RUN_ATC = [
  '# ATC may end with 0 after a failure, so its last words count, too.',
  'run_atc() {',
  '  local log=$1',
  '  shift',
  '  atc "$@" 2>&1 | tee -- "$log"',
  '  if ! grep -q \'^ATC run success\' -- "$log"; then',
  '    printf \'ATC did not say that it succeeded; see %s\\n\' "$log" >&2',
  '    exit 1',
  '  fi',
  '}',
];

function stepLines({ name, directory, files, argv, output, expected, options }: AtcStep): string[] {
  const isNew = (file: string): string => `{ [ -s ${file} ] && [ ${file} -nt "$started" ]; }`;
  const isThere = expected.map((file) => isNew(shellQuote(`./${file}`))).join(' || ');
  const folders = Object.entries(options).filter(([option]) => ATC_OPTIONS.get(option)?.values.kind === 'folder');
  const folder = directory === '.' ? '"$model_dir"' : `"$model_dir"/${shellQuote(directory)}`;
  return [
    '',
    `printf '%s\\n' ${shellQuote(`${name}: compiling`)}`,
    '(',
    `  cd -- ${folder}`,
    ...folders.map(([, path]) => `  mkdir -p -- ${shellQuote(path)}`),
    ...files.map(({ file, content }) => `  printf '%s' ${shellQuote(content)} > ${shellQuote(`./${file}`)}`),
    `  run_atc ${shellQuote(`./${output}.atc.log`)} \\`,
    ...argv.map((argument, i) => `    ${shellQuote(argument)}${i + 1 < argv.length ? ' \\' : ''}`),
    `  if ! { ${isThere}; }; then`,
    `    printf '%s\\n' ${shellQuote(`${name}: ATC wrote no new model`)} >&2`,
    '    exit 1',
    '  fi',
    ')',
  ];
}

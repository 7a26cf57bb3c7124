/** Plans as shell scripts, to be run where sdgraph is not. */

import { resolve } from 'node:path';
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
  '  if [ -f "$2" ]; then',
  '    set +eu',
  '    # shellcheck disable=SC1090',
  '    source "$2"',
  '    set -eu',
  '  elif [ "$1" = toolkit ] && command -v atc > /dev/null; then',
  '    : # The environment is set up already.',
  '  else',
  '    printf \'%s is not there: set up the environment of the %s first\\n\' "$2" "$1" >&2',
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
  '  grep -q \'^ATC run success\' -- "$log"',
  '}',
];

function stepLines({ name, directory, files, argv, output, expected }: AtcStep): string[] {
  const isThere = expected.map((file) => `[ -s ${shellQuote(`./${file}`)} ]`).join(' || ');
  const folder = directory === '.' ? '"$model_dir"' : `"$model_dir"/${shellQuote(directory)}`;
  return [
    '',
    `printf '%s\\n' ${shellQuote(`${name}: compiling`)}`,
    '(',
    `  cd -- ${folder}`,
    ...files.map(({ file, content }) => `  printf '%s' ${shellQuote(content)} > ${shellQuote(`./${file}`)}`),
    `  run_atc ${shellQuote(`./${output}.atc.log`)} \\`,
    ...argv.map((argument, i) => `    ${shellQuote(argument)}${i + 1 < argv.length ? ' \\' : ''}`),
    `  if ! { ${isThere}; }; then`,
    `    printf '%s\\n' ${shellQuote(`${name}: ATC wrote no model`)} >&2`,
    '    exit 1',
    '  fi',
    ')',
  ];
}

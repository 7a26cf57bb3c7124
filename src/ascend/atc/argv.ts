/** Command lines of ATC, always built from typed options. */

import { ATC_OPTIONS } from './options.ts';
import type { AtcStep } from './plan-types.ts';

/** What a command line is made of. */
export type ArgvParts = Pick<AtcStep, 'model' | 'output' | 'options' | 'files'>;

/** The sample writes these first, in this order, and the chip last. */
const FIRST = ['input_format', 'log'] as const;

/**
 * The arguments of ATC for a step, one `--name=value` each, in the order of the sample. Paths are relative to the working
 * directory of the step.
 */
export function buildArgv({ model, output, options, files }: ArgvParts, socVersion: string): string[] {
  const values = new Map(Object.entries(options));
  for (const { option, file } of files) values.set(option, `./${file}`);
  const rest = [...ATC_OPTIONS.keys()].filter((name) => !FIRST.some((first) => first === name));
  const user = [...FIRST, ...rest].flatMap((name) => {
    const value = values.get(name);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  const head = ['--framework=5', `--model=./${model.file}`, `--output=./${output}`];
  return [...head, ...user, `--soc_version=${socVersion}`];
}

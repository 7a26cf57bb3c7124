import { printable } from '../../errors.ts';
import type { ChipFamily, Framework } from './option-types.ts';
import type { PlanPort, PlanProblem } from './plan-types.ts';

/** What is compiled, as far as options depend on it. */
export interface OptionContext {
  /** Values by the names of options. */
  readonly options: ReadonlyMap<string, string>;
  /** Contents of the files that options name, by the names of options. */
  readonly files: ReadonlyMap<string, string>;
  readonly family: ChipFamily;
  readonly inputs: readonly PlanPort[];
  /** ONNX where absent. */
  readonly framework?: Framework;
}

/** A rule that a step breaks, without the name of the step. */
export type OptionProblem = Omit<PlanProblem, 'step'>;

/** A broken rule that ATC would stop at, or worse, not notice. */
export function optionError(rule: string, message: string, more: Partial<OptionProblem> = {}): OptionProblem {
  return { rule, severity: 'error', message, ...more };
}

/** Something that a user should know. */
export function optionWarning(rule: string, message: string, more: Partial<OptionProblem> = {}): OptionProblem {
  return { rule, severity: 'warning', message, ...more };
}

/** The finding that an option speaks of an input that the model does not have. */
export function notAnInput(option: string, name: string, inputs: Iterable<string>): OptionProblem {
  return optionError('unknown-input', `--${option} names '${printable(name)}', which is no input of the model`, {
    atc: 'E10016',
    hint: `the inputs are ${[...inputs].map(printable).join(', ')}`,
  });
}

import { printable } from '../../errors.ts';
import type { NpuSmiProblem } from './report.ts';
import type { Line } from './text.ts';

/** Most problems that are listed; a text of another kind has one a line. */
const MAX_PROBLEMS = 100;

/** Collects what could not be read. */
export class ProblemLog {
  readonly #problems: NpuSmiProblem[] = [];

  add(kind: NpuSmiProblem['kind'], line: Line, reason: string): void {
    const { length } = this.#problems;
    if (length > MAX_PROBLEMS) return;
    this.#problems.push(
      length === MAX_PROBLEMS
        ? { kind: 'more', line: line.number, text: '', reason: 'there are more problems from here on' }
        : { kind, line: line.number, text: printable(line.text), reason },
    );
  }

  list(): readonly NpuSmiProblem[] {
    return this.#problems;
  }
}

import type { Comparison } from './shape-verdicts.ts';

const RELATIONS = ['equal', 'more', 'less', 'differs', 'other'] as const;

/** Counts how inferred types compare with a reference, and prints them as a table with every disagreement. */
export class AgreementTally {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #disagreements: string[] = [];

  /** @param reason why the reference is not followed; undefined where there is no disagreement */
  add(variant: string, { relation, key, opType, ours, theirs }: Comparison, reason: string | undefined): void {
    const counts = this.#counts.get(variant) ?? new Map<string, number>();
    this.#counts.set(variant, counts.set(relation, (counts.get(relation) ?? 0) + 1));
    if (reason !== undefined)
      this.#disagreements.push(`${variant}  ${key}  ${opType}: ${ours}, not ${theirs}: ${reason}`);
  }

  /** Comparisons of one relation, in all variants. */
  count(relation: string): number {
    return [...this.#counts.values()].reduce((sum, counts) => sum + (counts.get(relation) ?? 0), 0);
  }

  print(corpus: string): void {
    const cells = (row: readonly (string | number)[]): string => row.map((cell) => String(cell).padStart(12)).join('');
    const lines = [...this.#counts].map(([variant, counts]) =>
      cells([variant, ...RELATIONS.map((relation) => counts.get(relation) ?? 0)]),
    );
    console.log([`shape inference, ${corpus}`, cells(['', ...RELATIONS]), ...lines, ...this.#disagreements].join('\n'));
  }
}

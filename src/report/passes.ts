import type { AnyPassFactory } from '../../passes/registry.ts';

/** A pass as lists show it. */
export interface PassEntry {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly name: string; readonly description: string; readonly default: string }[];
}

/** What there is to know of each pass before it runs. */
export function passList(passes: ReadonlyMap<string, AnyPassFactory>): readonly PassEntry[] {
  return [...passes].map(([name, { summary, defaults, options }]) => ({
    name,
    summary,
    options: Object.entries(defaults).map(([option, value]) => ({
      name: option,
      description: options[option] ?? '',
      default: typeof value === 'string' ? value : JSON.stringify(value),
    })),
  }));
}

import type { AnyPassFactory } from '../../passes/registry.ts';

/** An option of a pass. */
export interface PassOptionEntry {
  readonly name: string;
  readonly description: string;
  /** The default as text; empty where there is none. */
  readonly default: string;
}

/** A pass as lists show it. */
export interface PassEntry {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly PassOptionEntry[];
}

/** What there is to know of each pass before it runs. */
export function passList(passes: ReadonlyMap<string, AnyPassFactory>): readonly PassEntry[] {
  return [...passes].map(([name, { summary, defaults, options }]) => ({
    name,
    summary,
    options: Object.entries(defaults).map(([option, value]) => ({
      name: option,
      description: options[option] ?? '',
      default: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
    })),
  }));
}

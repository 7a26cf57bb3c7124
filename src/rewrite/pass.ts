import type { Model } from '../ir/model.ts';
import type { Inference } from '../schema/inference.ts';
import type { SiteLog } from './report.ts';

/** What a running pass has at hand. */
export interface PassContext {
  readonly model: Model;
  /** Takes down every place that the pass looked at. */
  readonly report: SiteLog;
  /** Types and shapes of the model as it is now; inferred when first asked for and again after edits. */
  shapes(): Inference;
}

/** How many places a pass must find rewritten in the end: a number, at least one, or any number. */
export type Expected = number | 'some' | 'any';

/** What a pass is made of. */
export interface PassDefinition<Options extends object> {
  /** Name in kebab-case, as on the command line. */
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /** Every option with its default. */
  readonly defaults: Options;
  /** What each option means, for `sdgraph passes`. */
  readonly options?: { readonly [Name in keyof Options]: string };
  /**
   * How many places the user asked for. When fewer are there after the pass (rewritten now or before), the pipeline
   * stops with `E_REWRITE_MISSING` and the nearest misses. Default: any number.
   */
  expects?(options: Options): Expected;
  /** Checks the options before anything runs. Throws `E_PASS_OPTION`. */
  check?(options: Options): void;
  /**
   * Rewrites the model. Covers every scope that the pass speaks of, reports every place it looked at, and when it has
   * nothing to do changes nothing at all. Whatever it throws, the pipeline takes its edits back.
   */
  run(context: PassContext, options: Options): void;
}

/** A pass with its options filled in, ready for a pipeline. */
export interface Pass {
  readonly name: string;
  readonly summary: string;
  readonly expects: Expected;
  run(context: PassContext): void;
}

/** Makes passes: options in, a pass out. Carries what a list of passes shows. */
export interface PassFactory<Options extends object> {
  (options?: Partial<Options>): Pass;
  readonly passName: string;
  readonly summary: string;
  readonly defaults: Options;
  readonly options: { readonly [Name in keyof Options]?: string };
}

/**
 * Defines a pass.
 *
 * ```ts
 * export const dropDropout = definePass({
 *   name: 'drop-dropout',
 *   summary: 'Removes Dropout, which does nothing at inference',
 *   defaults: {},
 *   run({ model, report }) {
 *     for (const graph of model.scopes()) {
 *       for (const node of graph.nodesOf('Dropout')) {
 *         bypass(node);
 *         report.applied(node, 'removed');
 *       }
 *     }
 *   },
 * });
 * ```
 */
export function definePass<Options extends object>(definition: PassDefinition<Options>): PassFactory<Options> {
  const { name, summary, defaults } = definition;
  const factory = (given: Partial<Options> = {}): Pass => {
    const set = Object.entries(given).filter(([, value]) => value !== undefined);
    const options: Options = { ...defaults, ...Object.fromEntries(set) };
    definition.check?.(options);
    return {
      name,
      summary,
      expects: definition.expects?.(options) ?? 'any',
      run: (context) => definition.run(context, options),
    };
  };
  return Object.assign(factory, { passName: name, summary, defaults, options: definition.options ?? {} });
}

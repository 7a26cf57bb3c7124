/** What is known of one option of ATC. */

/** Families of chips as ATC's documentation groups them. */
export type ChipFamily = '310' | '310B' | '310P' | '910' | 'A2' | 'A3' | '950' | 'other';

/** Frameworks that models come from. */
export type Framework = 'caffe' | 'tensorflow' | 'onnx' | 'mindspore';

/** What values an option takes. */
export type OptionValues =
  /** One of these, spelled as they are. */
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  /** `true` or `false`; ATC takes `1`, `t`, `y` and `yes` too, which become these. */
  | { readonly kind: 'boolean' }
  /** Text of one line that matches the pattern; `form` says for people what it looks like. */
  | { readonly kind: 'text'; readonly pattern: RegExp; readonly form: string }
  /** A text file that ATC reads; a plan carries its content. */
  | { readonly kind: 'file'; readonly content: 'json' | 'text' }
  /** A folder below the folder of the models. */
  | { readonly kind: 'folder' };

/** Who sets an option of a compilation. */
export type OptionOwner =
  /** The user may. */
  | 'user'
  /** The planner does, from the model and the chip. */
  | 'planner'
  /** Nobody: it belongs to another mode or framework, or was removed. */
  | 'none';

/** One option. */
export interface AtcOption {
  /** As ATC spells it, without the dashes. */
  readonly name: string;
  readonly group: 'basic' | 'input' | 'output' | 'precision' | 'optimization' | 'debugging' | 'rare';
  readonly values: OptionValues;
  /** What ATC assumes when the option is not there, as far as it is documented. */
  readonly default?: string;
  readonly owner: OptionOwner;
  /** Frameworks that it is for; all where absent. */
  readonly frameworks?: readonly Framework[];
  /** Families of chips that have it; all where absent. */
  readonly families?: readonly ChipFamily[];
  /** Families for single values of an enum. */
  readonly valueFamilies?: ReadonlyMap<string, readonly ChipFamily[]>;
  /** Toolkits that have it, where that is known: `new` for those of 2026, `old` for those before CANN 7. */
  readonly since?: 'new' | 'old';
  /** What a file may hold can reach beyond the compilation; a plan from a file may not have it unless trusted. */
  readonly unsafe?: true;
  readonly note?: string;
}

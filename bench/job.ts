/** A range of a file, `end` exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What a child process does while it is measured. */
export type Job =
  /** Open a model, run passes over it, save it. */
  | {
      readonly kind: 'rewrite';
      readonly recipe: 'modify-onnx' | 'structure' | 'everything';
      readonly input: string;
      readonly output: string;
    }
  /** Open a model and infer its shapes or check it. */
  | { readonly kind: 'analyze'; readonly what: 'infer' | 'check'; readonly input: string }
  /** Export the models of a checkpoint, or one of them. */
  | {
      readonly kind: 'export';
      readonly input: string;
      readonly output: string;
      readonly only?: 'unet';
      readonly weights: 'reference' | 'link' | 'copy';
    }
  /** Read ranges of a file and look at nothing. */
  | { readonly kind: 'read'; readonly input: string; readonly ranges: readonly Range[] }
  /** Copy ranges of a file into a new one, which is synced. */
  | { readonly kind: 'copy'; readonly input: string; readonly ranges: readonly Range[]; readonly output: string };

/** What a job cost. Bytes are missing where the system does not count them. */
export interface Cost {
  /** Wall time in milliseconds, without the start of the process. */
  readonly milliseconds: number;
  /** Largest resident set of the process in bytes, its start included. */
  readonly rss: number;
  /** Bytes handed over by `read` system calls. */
  readonly read: number | undefined;
  /** Bytes handed over to `write` system calls. */
  readonly written: number | undefined;
  /** Milliseconds of each part of the job. */
  readonly parts: Readonly<Record<string, number>>;
  /** Anything else to show, such as the number of nodes before and after. */
  readonly note?: string;
}

import type { InferenceSession, SessionPort } from '../runtime/session.ts';
import type { ModelFit } from './model-check.ts';
import { modelsError } from './model-files.ts';
import { IntFeed, runModel } from './model-run.ts';
import type { EncodedPrompt, Tokenizer } from './tokenizer.ts';

/** Embeddings of a batch of texts. */
export interface EncodedBatch {
  /** `[B,77,H]`. Not to be changed. */
  readonly embeddings: Float32Array;
  /** What the tokenizer made of each text. */
  readonly encoded: readonly EncodedPrompt[];
  /** Milliseconds that the model took; 0 for embeddings that were there already. */
  readonly time: number;
}

/** Negative prompts whose embeddings are kept: a service has a few, and each takes a quarter of a megabyte. */
const MAX_KEPT = 8;

/** Texts to embeddings. */
export class TextEncoder {
  readonly #session: InferenceSession;
  readonly #tokenizer: Tokenizer;
  readonly #fit: ModelFit;
  /** Of batches that hold the same text everywhere, the last used at the end. */
  readonly #kept = new Map<string, EncodedBatch>();

  constructor(session: InferenceSession, tokenizer: Tokenizer, fit: ModelFit) {
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#fit = fit;
  }

  /** @param texts one for each place of the batch */
  async encode(texts: readonly string[]): Promise<EncodedBatch> {
    const { batch, tokens, hidden } = this.#fit;
    const encoded = texts.map((text) => this.#tokenizer.encode(text));
    const feed = new IntFeed(this.#session.inputs[0] as SessionPort, [batch, tokens]);
    for (const [place, { ids }] of encoded.entries()) feed.set(ids, place * tokens);
    const started = performance.now();
    const count = hidden === undefined ? undefined : batch * tokens * hidden;
    const embeddings = await runModel(this.#session, [feed.tensor], count);
    const time = performance.now() - started;
    if (embeddings.length === 0 || embeddings.length % (batch * tokens) !== 0) {
      const expected = `a multiple of ${batch} x ${tokens} values`;
      throw modelsError('the text encoder returned no embeddings', {}, { expected, found: `${embeddings.length}` });
    }
    return { embeddings, encoded, time };
  }

  /** A batch of the same text, computed once. */
  async repeated(text: string): Promise<EncodedBatch> {
    const kept = this.#kept.get(text);
    if (kept !== undefined) {
      this.#kept.delete(text);
      this.#kept.set(text, kept);
      return kept;
    }
    const fresh = await this.encode(Array.from({ length: this.#fit.batch }, () => text));
    this.#kept.set(text, { ...fresh, time: 0 });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return fresh;
  }
}

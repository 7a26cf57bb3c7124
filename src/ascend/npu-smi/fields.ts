import type { Line } from './text.ts';

/** Lines of `key : value` about one card or chip. */
export type Fields = Map<string, string>;

const FIRST_KEY = 'NPU ID';

/**
 * Collects lines of `key : value`, the form of `-l` and `-t`. A block starts with the card that it is about and goes
 * on to the first line of another form, blank lines left out. Values may hold further colons.
 */
export class FieldReader {
  readonly blocks: Fields[] = [];
  /** What `-l` counted, ahead of its blocks. */
  count: string | undefined;
  #block: Fields | undefined;

  /** Takes a line if it is one of a block. */
  take({ text }: Line): boolean {
    if (text === '') return false;
    const at = text.search(/[:：]/u);
    const key = text.slice(0, Math.max(0, at)).trimEnd();
    if (!/^[A-Za-z][\w ()/.%-]{0,63}$/u.test(key)) {
      this.#block = undefined;
      return false;
    }
    const value = text.slice(at + 1).trim();
    if (/^(?:Total|Card) Count$/u.test(key)) {
      this.count ??= value;
      this.#block = undefined;
      return true;
    }
    if (key === FIRST_KEY) {
      this.#block = new Map();
      this.blocks.push(this.#block);
    }
    if (this.#block === undefined) return false;
    if (!this.#block.has(key)) this.#block.set(key, value);
    return true;
  }
}

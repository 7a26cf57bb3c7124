/**
 * Counts edits and, inside a transaction, remembers how to take each one back.
 *
 * Every edit of the IR goes through a handful of primitive steps; each hands its inverse to {@link Journal.record}.
 */
export class Journal {
  #undo: (() => void)[] | undefined;
  #revision = 0;
  #latest = 0;

  /** A number for the state of the model: it grows with every edit, and comes back when edits are taken back. */
  get revision(): number {
    return this.#revision;
  }

  /** Notes that an edit happened and how to take it back. */
  record(undo: () => void): void {
    // Numbers of edits that were taken back are not given out again: what was remembered for them must not match.
    this.#latest++;
    this.#revision = this.#latest;
    this.#undo?.push(undo);
  }

  /** Runs `edit`; when it throws, takes back every edit it made and throws on. Transactions nest. */
  transaction<T>(edit: () => T): T {
    const outer = this.#undo;
    const undo: (() => void)[] = [];
    const revision = this.#revision;
    this.#undo = undo;
    try {
      const result = edit();
      if (outer !== undefined) for (const step of undo) outer.push(step);
      return result;
    } catch (error) {
      this.#undo = undefined;
      for (let i = undo.length - 1; i >= 0; i--) (undo[i] as () => void)();
      this.#revision = revision;
      throw error;
    } finally {
      this.#undo = outer;
    }
  }
}

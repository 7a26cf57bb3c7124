/** A map in the order of a file, which outlives removal and undo: what is put back comes where it was. */
export class OrderedMap<K, V> {
  readonly #entries = new Map<K, { readonly value: V; readonly ordinal: number }>();
  #next = 0;
  #sorted: readonly K[] | undefined;

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keys in order. */
  keys(): readonly K[] {
    this.#sorted ??= [...this.#entries].toSorted(([, a], [, b]) => a.ordinal - b.ordinal).map(([key]) => key);
    return this.#sorted;
  }

  /** Puts a value under a key, which keeps its place or comes last; undefined removes it. Returns the way back. */
  put(key: K, value: V | undefined): () => void {
    const old = this.#entries.get(key);
    this.#put(key, value === undefined ? undefined : { value, ordinal: old?.ordinal ?? this.#next++ });
    return () => this.#put(key, old);
  }

  #put(key: K, entry: { readonly value: V; readonly ordinal: number } | undefined): void {
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    this.#sorted = undefined;
  }
}

/** Names that are in use, counted, and a generator of names that are not. */
export class NamePool {
  readonly #counts = new Map<string, number>();
  readonly #next = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  add(name: string): void {
    if (name !== '') this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  drop(name: string): void {
    const count = this.#counts.get(name);
    if (count === undefined) return;
    if (count > 1) this.#counts.set(name, count - 1);
    else {
      this.#counts.delete(name);
      this.#offer(name);
    }
  }

  /** A freed name is given out again before any higher suffix. */
  #offer(name: string): void {
    const match = /^(.*)_([1-9][0-9]{0,8})$/s.exec(name);
    if (match === null) return;
    const [, base = '', digits] = match;
    const next = this.#next.get(base);
    if (next !== undefined) this.#next.set(base, Math.min(next, Number(digits)));
  }

  replace(old: string, name: string): void {
    this.drop(old);
    this.add(name);
  }

  /** `base` when it is free, else the first free one of `base_1`, `base_2`, ... The name is not reserved. */
  fresh(base: string): string {
    if (base !== '' && !this.#counts.has(base)) return base;
    let suffix = this.#next.get(base) ?? 1;
    while (this.#counts.has(`${base}_${suffix}`)) suffix++;
    this.#next.set(base, suffix);
    return `${base}_${suffix}`;
  }
}

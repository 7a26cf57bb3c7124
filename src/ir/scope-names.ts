import type { Journal } from './journal.ts';
import type { NamePool } from './names.ts';
import type { Value } from './value.ts';

/** What the names of one scope mean. A name that the file defines twice means the value that came first. */
export class ScopeNames {
  readonly #pool: NamePool;
  readonly #journal: Journal;
  readonly #values = new Map<string, Value>();
  /** Names that nodes read though nothing defines them. */
  readonly #dangling = new Map<string, Value>();
  /** Values whose name means another one. */
  readonly #hidden = new Set<Value>();

  constructor(pool: NamePool, journal: Journal) {
    this.#pool = pool;
    this.#journal = journal;
  }

  /** The value that is defined under the name. */
  own(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** The value that the name means in this scope, defined or not. */
  find(name: string): Value | undefined {
    return this.#values.get(name) ?? this.#dangling.get(name);
  }

  /** Values that names mean; one of each name. */
  values(): Iterable<Value> {
    return this.#values.values();
  }

  get dangling(): Iterable<Value> {
    return this.#dangling.values();
  }

  /** Every value of the scope, also those hidden behind another of the same name. */
  *all(): Generator<Value> {
    yield* this.#values.values();
    yield* this.#dangling.values();
    yield* this.#hidden;
  }

  /** Adds what the file defines. */
  add(value: Value): void {
    this.#pool.add(value.name);
    this.#list(value);
  }

  /** Adds a name that something reads though nothing defines it. */
  addDangling(value: Value): void {
    this.#pool.add(value.name);
    this.#dangling.set(value.name, value);
  }

  /** Adds a new value, as an edit. */
  define(value: Value): void {
    this.add(value);
    this.#journal.record(() => this.#remove(value));
  }

  /** Removes a value, as an edit. */
  undefine(value: Value): void {
    const wasHidden = this.#hidden.has(value);
    this.#remove(value);
    this.#journal.record(() => {
      this.#pool.add(value.name);
      if (wasHidden) this.#hidden.add(value);
      else this.#values.set(value.name, value);
    });
  }

  /** Follows a value to a new name that nothing else has; returns the way back. */
  rename(value: Value, name: string): () => void {
    const old = value.name;
    const map = this.#dangling.get(old) === value ? this.#dangling : this.#values;
    const wasHidden = this.#hidden.delete(value);
    if (!wasHidden) map.delete(old);
    map.set(name, value);
    this.#pool.replace(old, name);
    return () => {
      map.delete(name);
      if (wasHidden) this.#hidden.add(value);
      else map.set(old, value);
      this.#pool.replace(name, old);
    };
  }

  #list(value: Value): void {
    if (this.#values.has(value.name)) this.#hidden.add(value);
    else this.#values.set(value.name, value);
  }

  #remove(value: Value): void {
    this.#pool.drop(value.name);
    if (!this.#hidden.delete(value)) this.#values.delete(value.name);
  }
}

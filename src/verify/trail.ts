import type { Difference } from './compare.ts';
import type { Origin } from './origin.ts';

/** A value that departs. */
interface Departed {
  readonly value: string;
  readonly difference: Difference;
  readonly reasons: readonly string[];
}

/** Nodes in order, from where a departure begins to where it joins values that agree. */
interface Path {
  readonly nodes: readonly Origin[];
  /** Whether a value behind the last of them was compared and departs. */
  readonly isConfirmed: boolean;
}

/** Follows departures through a graph while its values are compared in order. */
export class Trail {
  readonly #origins: ReadonlyMap<string, Origin>;
  readonly #agreeing = new Set<string>();
  readonly #departed = new Map<string, Departed>();

  constructor(origins: ReadonlyMap<string, Origin>) {
    this.#origins = origins;
  }

  /** Values that agree. */
  get agreeing(): number {
    return this.#agreeing.size;
  }

  /** The first value that departs and was not made up for. */
  get first(): Departed | undefined {
    return this.#departed.values().next().value;
  }

  /** Whether comparing further values cannot clear the first departure: it has reached what joins it. */
  get isCertain(): boolean {
    return this.first !== undefined && this.#path().isConfirmed;
  }

  /** Takes down how a value compares; without reasons it agrees, and what led to it was no mistake. */
  add(value: string, difference: Difference, reasons: readonly string[]): void {
    if (reasons.length > 0) {
      this.#departed.set(value, { value, difference, reasons });
      return;
    }
    this.#agreeing.add(value);
    for (const name of this.#behind(value).values) this.#departed.delete(name);
  }

  /** The nodes that one of must be wrong: they lead from values that agree to the first departure and on to a join. */
  suspects(): { node: string; opType: string }[] {
    return this.#path().nodes.map(({ node, opType }) => ({ node, opType }));
  }

  /** What a value is computed by and from, back to values that agree. Constants do not count. */
  #behind(value: string): { nodes: Set<Origin>; values: Set<string> } {
    const nodes = new Set<Origin>();
    const values = new Set([value]);
    const pending = [value];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const origin = this.#origins.get(name);
      if (origin === undefined || origin.opType === 'Constant') continue;
      nodes.add(origin);
      for (const read of origin.reads) {
        if (values.has(read) || this.#agreeing.has(read)) continue;
        values.add(read);
        pending.push(read);
      }
    }
    return { nodes, values };
  }

  #path(): Path {
    const { first } = this;
    if (first === undefined) return { nodes: [], isConfirmed: false };
    const { nodes } = this.#behind(first.value);
    const tainted = new Set([first.value]);
    let joined = false;
    let isAhead = false;
    for (const [name, origin] of this.#origins) {
      isAhead ||= name === first.value;
      if (!isAhead || this.#agreeing.has(name) || !origin.reads.some((read) => tainted.has(read))) continue;
      tainted.add(name);
      if (joined && !nodes.has(origin)) {
        if (this.#departed.has(name)) return { nodes: this.#inOrder(nodes), isConfirmed: true };
        continue;
      }
      for (const each of this.#behind(name).nodes) nodes.add(each);
      joined = origin.reads.some((read) => this.#agreeing.has(read));
      if (joined && this.#departed.has(name)) return { nodes: this.#inOrder(nodes), isConfirmed: true };
    }
    return { nodes: this.#inOrder(nodes), isConfirmed: false };
  }

  #inOrder(nodes: ReadonlySet<Origin>): Origin[] {
    return [...new Set(this.#origins.values())].filter((origin) => nodes.has(origin));
  }
}

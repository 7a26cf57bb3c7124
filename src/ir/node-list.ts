import type { Node } from './node.ts';

/**
 * The nodes of a graph in order: a linked list, so that inserting and removing anywhere takes constant time. Iterating
 * while editing is safe: a node inserted behind the current one is visited, a removed one is not, and the walk goes on
 * even when the current node is removed.
 */
export class NodeList implements Iterable<Node> {
  #first: Link | undefined;
  #last: Link | undefined;
  readonly #links = new Map<Node, Link>();

  get size(): number {
    return this.#links.size;
  }

  get first(): Node | undefined {
    return this.#first?.node;
  }

  get last(): Node | undefined {
    return this.#last?.node;
  }

  has(node: Node): boolean {
    return this.#links.has(node);
  }

  before(node: Node): Node | undefined {
    return this.#links.get(node)?.previous?.node;
  }

  after(node: Node): Node | undefined {
    return this.#links.get(node)?.next?.node;
  }

  /** Puts a node behind `previous`, or in front of all when that is undefined. */
  insertAfter(previous: Node | undefined, node: Node): void {
    const left = previous === undefined ? undefined : this.#links.get(previous);
    const right = left === undefined ? this.#first : left.next;
    const link: Link = { node, previous: left, next: right, removed: false };
    if (left === undefined) this.#first = link;
    else left.next = link;
    if (right === undefined) this.#last = link;
    else right.previous = link;
    this.#links.set(node, link);
  }

  append(node: Node): void {
    this.insertAfter(this.last, node);
  }

  remove(node: Node): void {
    const link = this.#links.get(node);
    if (link === undefined) return;
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    // The removed link still knows its neighbours, so that a walk standing on it finds its way on.
    link.removed = true;
    this.#links.delete(node);
  }

  *[Symbol.iterator](): Generator<Node> {
    let link = this.#first;
    while (link !== undefined) {
      if (!link.removed) yield link.node;
      link = this.#following(link);
    }
  }

  /** The link to visit after `link`; from a removed one, back to a living neighbour first. */
  #following(link: Link): Link | undefined {
    let left: Link | undefined = link;
    while (left?.removed) left = left.previous;
    return left === undefined ? this.#first : left.next;
  }
}

interface Link {
  readonly node: Node;
  previous: Link | undefined;
  next: Link | undefined;
  removed: boolean;
}

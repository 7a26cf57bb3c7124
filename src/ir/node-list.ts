import { SdgraphError } from '../errors.ts';
import type { Node } from './node.ts';

/** @internal The place of a node in the list of its graph. */
export interface Link {
  readonly node: Node;
  list: NodeList | undefined;
  previous: Link | undefined;
  next: Link | undefined;
}

/**
 * The nodes of a graph in order: a linked list, so that inserting and removing anywhere takes constant time. Iterating
 * while editing is safe: a node inserted behind the current one is visited, a removed one is not, and the walk goes on
 * even when the current node is removed, moved, or removed and put back.
 */
export class NodeList implements Iterable<Node> {
  #first: Link | undefined;
  #last: Link | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Node | undefined {
    return this.#first?.node;
  }

  get last(): Node | undefined {
    return this.#last?.node;
  }

  has(node: Node): boolean {
    return node.link.list === this;
  }

  before(node: Node): Node | undefined {
    return this.has(node) ? node.link.previous?.node : undefined;
  }

  after(node: Node): Node | undefined {
    return this.has(node) ? node.link.next?.node : undefined;
  }

  /** Puts a node behind `previous`, or in front of all when that is undefined. Throws `E_GRAPH_EDIT` when `previous` is not in the list. */
  insertAfter(previous: Node | undefined, node: Node): void {
    if (previous !== undefined && !this.has(previous)) {
      throw new SdgraphError('E_GRAPH_EDIT', 'the node to insert behind is not in this graph', { name: previous.name });
    }
    const left = previous?.link;
    const right = left === undefined ? this.#first : left.next;
    const { link } = node;
    link.list = this;
    link.previous = left;
    link.next = right;
    if (left === undefined) this.#first = link;
    else left.next = link;
    if (right === undefined) this.#last = link;
    else right.previous = link;
    this.#size++;
  }

  append(node: Node): void {
    this.insertAfter(this.last, node);
  }

  remove(node: Node): void {
    const { link } = node;
    if (link.list !== this) return;
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    // The removed link still knows its neighbours, so that a walk standing on it finds its way on.
    link.list = undefined;
    this.#size--;
  }

  *[Symbol.iterator](): Generator<Node> {
    let link = this.#first;
    while (link !== undefined) {
      if (link.list === this) yield link.node;
      link = this.#following(link);
    }
  }

  /** The link to visit after `link`; from a removed one, back to a living neighbour first. */
  #following(link: Link): Link | undefined {
    let left: Link | undefined = link;
    while (left !== undefined && left.list !== this) left = left.previous;
    return left === undefined ? this.#first : left.next;
  }
}

import { printable } from '../errors.ts';
import type { Node } from '../ir/node.ts';

/**
 * What became of a place that a pass looked at.
 * - `applied`: rewritten now
 * - `present`: rewritten already, by an earlier run
 * - `skipped`: not what the pass is for; nothing to worry about
 * - `refused`: what the pass is for, but rewriting it would be wrong or the target cannot run it
 */
export type SiteStatus = 'applied' | 'present' | 'skipped' | 'refused';

/** One place that a pass looked at. */
export interface Site {
  readonly status: SiteStatus;
  /** Name of the node; its first output where it has none. */
  readonly node: string;
  readonly opType: string;
  /** What was done, or why not. */
  readonly reason: string;
}

/** What a pass did. */
export interface PassReport {
  readonly pass: string;
  readonly sites: readonly Site[];
  /** Things the user should know: lossy rewrites, operators that the SDK calls experimental. */
  readonly notes: readonly string[];
  /** Whether the model is different now. */
  readonly changed: boolean;
  /** Nodes in all scopes before and after. */
  readonly nodes: { readonly before: number; readonly after: number };
  readonly milliseconds: number;
}

/** What a pipeline did. */
export interface Report {
  readonly passes: readonly PassReport[];
  readonly changed: boolean;
  readonly nodes: { readonly before: number; readonly after: number };
}

/** Takes down what a pass finds while it runs. */
export class SiteLog {
  readonly #sites: Site[] = [];
  readonly #notes: string[] = [];

  get sites(): readonly Site[] {
    return this.#sites;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  /** The node was rewritten; `reason` says into what. */
  applied(node: Node, reason: string): void {
    this.#add('applied', node, reason);
  }

  /** The node is what the pass would have made of it. */
  present(node: Node, reason: string): void {
    this.#add('present', node, reason);
  }

  /** The node is not meant. */
  skipped(node: Node, reason: string): void {
    this.#add('skipped', node, reason);
  }

  /** The node is meant but must stay. */
  refused(node: Node, reason: string): void {
    this.#add('refused', node, reason);
  }

  /** Something the user should know; said once. */
  note(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text);
  }

  #add(status: SiteStatus, node: Node, reason: string): void {
    this.#sites.push({ status, node: label(node), opType: printable(node.opType), reason });
  }
}

/** Sites by status. */
export function countSites(sites: readonly Site[]): Record<SiteStatus, number> {
  const counts = { applied: 0, present: 0, skipped: 0, refused: 0 };
  for (const { status } of sites) counts[status]++;
  return counts;
}

/** How a node is called in reports. */
export function label(node: Node): string {
  return printable(node.name === '' ? (node.outputs.find((value) => value !== undefined)?.name ?? '') : node.name);
}

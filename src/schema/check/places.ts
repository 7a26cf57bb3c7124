import { printable } from '../../errors.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Model } from '../../ir/model.ts';
import type { Node } from '../../ir/node.ts';
import type { FindingPlace } from '../finding.ts';

/** What a finding is about; the more is given, the better the place. */
export interface About {
  readonly graph?: Graph;
  readonly node?: Node;
  /** Name of a value or tensor. */
  readonly value?: string;
  readonly attribute?: string;
  /** Place of something that is neither in a graph nor a node. */
  readonly path?: string;
}

/** Turns parts of a model into places for people. Paths and positions are looked up only when something is found. */
export class Places {
  readonly #paths = new Map<Graph, string>();
  readonly #positions = new Map<Graph, ReadonlyMap<Node, number>>();

  constructor(model: Model) {
    this.#paths.set(model.graph, 'graph');
    for (const [i, graph] of model.trainingGraphs.entries()) this.#paths.set(graph, `training graph ${i}`);
    for (const each of model.functions) this.#paths.set(each.body, `function ${functionLabel(each)}`);
  }

  /** Where a node stands in its graph, counted from 0. */
  position(node: Node): number {
    const { graph } = node;
    let positions = this.#positions.get(graph);
    if (positions === undefined) {
      positions = new Map([...graph.nodes].map((each, i) => [each, i]));
      this.#positions.set(graph, positions);
    }
    return positions.get(node) ?? -1;
  }

  /** The place of a finding; texts from the file come out safe to print. */
  of({ graph, node, value, attribute, path }: About): FindingPlace {
    return {
      path: path ?? (node === undefined ? (graph === undefined ? '' : this.#path(graph)) : this.#nodePath(node)),
      ...(node === undefined ? {} : { opType: printable(node.opType) }),
      ...(node === undefined || node.name === '' ? {} : { node: printable(node.name) }),
      ...(attribute === undefined ? {} : { attribute: printable(attribute) }),
      ...(value === undefined ? {} : { value: printable(value) }),
    };
  }

  #nodePath(node: Node): string {
    return `${this.#path(node.graph)}.node[${this.position(node)}]`;
  }

  #path(graph: Graph): string {
    const known = this.#paths.get(graph);
    if (known !== undefined) return known;
    const { owner } = graph;
    const holder = owner?.attributes.find(({ values }) => values.graphs?.includes(graph) === true);
    const path = owner === undefined ? graph.kind : `${this.#nodePath(owner)}.${printable(holder?.name ?? '')}`;
    this.#paths.set(graph, path);
    return path;
  }
}

/** A local function for people. */
export function functionLabel({ domain, name, overload }: LocalFunction): string {
  return printable(`${domain === '' ? '' : `${domain}.`}${name}${overload === '' ? '' : `:${overload}`}`);
}

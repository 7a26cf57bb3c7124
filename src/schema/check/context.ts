import { printable } from '../../errors.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Model } from '../../ir/model.ts';
import type { Node } from '../../ir/node.ts';
import type { Finding, FindingPlace } from '../finding.ts';
import { RULES, type RuleId, type Severity } from './rules.ts';

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

/** What can be said beyond the message. */
export interface Facts {
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  /** Instead of the rule's own. */
  readonly severity?: Severity;
}

/** What all rules share: the model, lookups that need a walk over it, and the list of findings. */
export class CheckContext {
  readonly model: Model;
  readonly findings: Finding<RuleId>[] = [];
  readonly #paths = new Map<Graph, string>();
  readonly #positions = new Map<Graph, ReadonlyMap<Node, number>>();
  readonly #functions = new Map<string, LocalFunction>();

  constructor(model: Model) {
    this.model = model;
    this.#paths.set(model.graph, 'graph');
    for (const [i, graph] of model.trainingGraphs.entries()) this.#paths.set(graph, `training graph ${i}`);
    for (const each of model.functions) {
      this.#paths.set(each.body, `function ${functionLabel(each)}`);
      const key = functionKey(each.domain, each.name, each.overload);
      if (!this.#functions.has(key)) this.#functions.set(key, each);
    }
  }

  /** Notes a finding. Texts from the file may be passed as they are. */
  report(rule: RuleId, about: About, message: string, facts: Facts = {}): void {
    const { expected, found, hint, severity } = facts;
    this.findings.push({
      rule,
      severity: severity ?? RULES[rule].severity,
      where: this.#place(about),
      message,
      ...(expected === undefined ? {} : { expected: printable(expected) }),
      ...(found === undefined ? {} : { found: printable(found) }),
      ...(hint === undefined ? {} : { hint }),
    });
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

  /** The local function that a node calls, if there is one of that name. */
  called(node: Node): LocalFunction | undefined {
    if (this.#functions.size === 0) return undefined;
    return this.#functions.get(functionKey(node.domain, node.opType, node.overload));
  }

  /** Local functions, one for each key; later ones of the same key are left out. */
  functions(): Iterable<LocalFunction> {
    return this.#functions.values();
  }

  #place({ graph, node, value, attribute, path }: About): FindingPlace {
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

/** What tells local functions apart. */
export function functionKey(domain: string, name: string, overload: string): string {
  // Lengths in front: no name, however odd, can make two different keys equal.
  return `${domain.length}:${name.length}:${domain}${name}${overload}`;
}

/** A local function for people. */
export function functionLabel({ domain, name, overload }: LocalFunction): string {
  return printable(`${domain === '' ? '' : `${domain}.`}${name}${overload === '' ? '' : `:${overload}`}`);
}

/** The operator sets that nodes of one scope are looked up in. */
export interface Scope {
  readonly graph: Graph;
  readonly opsets: ReadonlyMap<string, number>;
  /** The local function that the scope is in. */
  readonly inFunction: LocalFunction | undefined;
}

/** Every scope of the model with its operator sets: those of a function reach no further than its body. */
export function* scopesOf(model: Model): Generator<Scope> {
  const opsets = modelOpsets(model);
  for (const root of [model.graph, ...model.trainingGraphs]) {
    for (const graph of root.scopes()) yield { graph, opsets, inFunction: undefined };
  }
  for (const inFunction of model.functions) {
    for (const graph of inFunction.body.scopes()) yield { graph, opsets: inFunction.opsets, inFunction };
  }
}

/** The operator sets of the model. Before IR version 3 a model imports none and means version 1. */
export function modelOpsets(model: Model): ReadonlyMap<string, number> {
  return model.irVersion < 3 && model.opsets.size === 0 ? new Map([['', 1]]) : model.opsets;
}

/** The version of a domain among imports; '' and 'ai.onnx' are the same domain. */
export function importedVersion(opsets: ReadonlyMap<string, number>, domain: string): number | undefined {
  const version = opsets.get(domain);
  if (version !== undefined) return version;
  if (domain === '') return opsets.get('ai.onnx');
  return domain === 'ai.onnx' ? opsets.get('') : undefined;
}

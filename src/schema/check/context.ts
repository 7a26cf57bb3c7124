import { printable } from '../../errors.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Model } from '../../ir/model.ts';
import type { Node } from '../../ir/node.ts';
import type { Finding } from '../finding.ts';
import { type About, Places } from './places.ts';
import { RULES, type RuleId, type Severity } from './rules.ts';

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
  readonly places: Places;
  /** External tensors whose data could not be looked at. */
  uncheckedTensors = 0;
  readonly #functions = new Map<string, LocalFunction>();

  constructor(model: Model) {
    this.model = model;
    this.places = new Places(model);
    for (const each of model.functions) {
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
      where: this.places.of(about),
      message,
      ...(expected === undefined ? {} : { expected: printable(expected) }),
      ...(found === undefined ? {} : { found: printable(found) }),
      ...(hint === undefined ? {} : { hint }),
    });
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
}

/** What tells local functions apart. */
export function functionKey(domain: string, name: string, overload: string): string {
  // Lengths in front: no name, however odd, can make two different keys equal.
  return `${domain.length}:${name.length}:${domain}${name}${overload}`;
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

import type { Graph } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import { type About, Places } from '../schema/check/places.ts';
import type { Severity } from '../schema/check.ts';
import type { Finding } from '../schema/finding.ts';
import { inferShapes } from '../schema/infer.ts';
import type { Inference } from '../schema/inference.ts';
import { schemaFor } from '../schema/operators.ts';
import { checkPluginAttributes } from './check-attributes.ts';
import { siteFacts } from './facts.ts';
import { checkLimits, permitted } from './limits.ts';
import type { PluginOperator, Role, Target, TargetOperators } from './types.ts';

/** The rules of {@link checkTarget} by id, documented with those of `checkModel`. */
export const TARGET_RULES = {
  'target-unknown-operator': {
    severity: 'error',
    summary: 'an operator of Ascend software that the target does not have (a warning where the profile is silent)',
  },
  'target-operator-name': { severity: 'error', summary: 'the target has the operator under another name' },
  'target-layout': {
    severity: 'error',
    summary: 'the inputs of an operator have another number of axes than it reads',
  },
  'target-limit': { severity: 'error', summary: 'a shape or opset is outside of what the operator takes there' },
  'target-unknown-shape': {
    severity: 'warning',
    summary: 'the operator has a limit, and the shape that it is about is not known',
  },
  'target-attribute': {
    severity: 'error',
    summary: 'an attribute that the target needs is missing or has another value',
  },
  'target-caution': { severity: 'info', summary: 'the profile has something to say about an operator' },
} as const satisfies Record<string, { severity: Severity; summary: string }>;

/** The id of a rule about targets. */
export type TargetRuleId = keyof typeof TARGET_RULES;

/** How {@link checkTarget} checks. */
export interface TargetCheckOptions {
  /** What inference found, when it was run already; it has to be of the model as it is. */
  readonly inference?: Inference;
}

/**
 * What keeps a target from taking the operators of Ascend software in a model: operators it does not have, shapes its
 * kernels do not take, attributes it reads otherwise. Covers all scopes. Standard operators are not looked at, and
 * whether the model is sound at all is for `checkModel`.
 *
 * @example
 * checkTarget(model, loadTarget('ascend310p-aie-7.0'))
 * // [{ rule: 'target-limit', where: { path: 'graph.node[7]', … }, message: 'head dim 96 is not one of 40, …' }]
 */
export function checkTarget(model: Model, target: Target, options: TargetCheckOptions = {}): Finding<TargetRuleId>[] {
  return new TargetChecker(model, target, options).run();
}

/** A role of a target and its operator. */
type Entry = { readonly [R in Role]: readonly [R, NonNullable<TargetOperators[R]>] }[Role];

class TargetChecker {
  readonly #model: Model;
  readonly #target: Target;
  readonly #places: Places;
  readonly #findings: Finding<TargetRuleId>[] = [];
  readonly #byName = new Map<string, Entry>();
  readonly #byAlias = new Map<string, Entry>();
  readonly #cautioned = new Set<string>();
  #inference: Inference | undefined;

  constructor(model: Model, target: Target, { inference }: TargetCheckOptions) {
    this.#model = model;
    this.#target = target;
    this.#places = new Places(model);
    this.#inference = inference;
    for (const entry of Object.entries(target.operators) as unknown as Entry[]) {
      const [, operator] = entry;
      this.#byName.set(operator.opType, entry);
      for (const alias of operator.aliases) this.#byAlias.set(alias, entry);
    }
  }

  run(): Finding<TargetRuleId>[] {
    for (const graph of this.#model.scopes()) {
      for (const node of graph.nodes) this.#checkNode(node, graph);
    }
    return this.#findings;
  }

  #checkNode(node: Node, graph: Graph): void {
    const entry = this.#byName.get(node.opType);
    if (entry !== undefined && sameDomain(node, entry[1])) this.#checkOperator(node, graph, entry);
    else if (node.isStandardDomain && schemaFor(node.opType, '', Number.POSITIVE_INFINITY)?.plugin === true) {
      this.#reportForeign(node);
    }
  }

  /** A plugin operator that the target does not have under this name. */
  #reportForeign(node: Node): void {
    const other = this.#byAlias.get(node.opType);
    const { name } = this.#target;
    if (other !== undefined) {
      this.#report('target-operator-name', { node }, `${name} has the operator under another name`, {
        expected: other[1].opType,
        found: node.opType,
      });
      return;
    }
    const role = ROLE_OF.get(node.opType);
    const reason = role === undefined ? undefined : this.#target.unavailable[role]?.reason;
    const has = role === undefined ? undefined : this.#target.operators[role]?.opType;
    this.#report(
      'target-unknown-operator',
      { node },
      reason ?? `${name} has no operator of that name`,
      has === undefined ? {} : { expected: has, found: node.opType },
      role === undefined ? 'warning' : undefined,
    );
  }

  #checkOperator(node: Node, graph: Graph, [role, operator]: Entry): void {
    if (operator.caution !== undefined && !this.#cautioned.has(operator.opType)) {
      this.#cautioned.add(operator.opType);
      this.#report('target-caution', { node }, operator.caution);
    }
    this.#inference ??= inferShapes(this.#model);
    const { facts, layout } = siteFacts(node, role, operator, this.#inference, this.#opset(graph));
    if (layout !== undefined) this.#report('target-layout', { node }, layout.message, layout);
    for (const limit of operator.limits) {
      const [refusal] = checkLimits([limit], facts);
      if (refusal === undefined) continue;
      const known = facts[limit.quantity] !== undefined;
      // What the layout made unknown was reported with it.
      if (!known && layout !== undefined) continue;
      const rule = known ? 'target-limit' : 'target-unknown-shape';
      this.#report(rule, { node }, refusal, {
        expected: permitted(limit),
        found: known ? `${facts[limit.quantity]}` : undefined,
      });
    }
    for (const { attribute, message, expected, found } of checkPluginAttributes(node, operator, facts)) {
      this.#report('target-attribute', { node, attribute }, message, { expected, found });
    }
  }

  /** The version of the standard operators in the scope of a graph. */
  #opset(graph: Graph): number | undefined {
    let root = graph;
    while (root.parent !== undefined) root = root.parent;
    const inside = this.#model.functions.find(({ body }) => body === root)?.opsets;
    return inside === undefined ? this.#model.opset() : (inside.get('') ?? inside.get('ai.onnx'));
  }

  #report(
    rule: TargetRuleId,
    about: About,
    message: string,
    { expected, found }: { readonly expected?: string | undefined; readonly found?: string | undefined } = {},
    severity: Severity = TARGET_RULES[rule].severity,
  ): void {
    this.#findings.push({
      rule,
      severity,
      where: this.#places.of(about),
      message,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    });
  }
}

function sameDomain(node: Node, { domain }: PluginOperator): boolean {
  return domain === '' || domain === 'ai.onnx' ? node.isStandardDomain : node.domain === domain;
}

/** What the operators of Ascend software are for; those without a role here are ones that no profile speaks of. */
const ROLE_OF: ReadonlyMap<string, Role> = new Map([
  ['FlashAttentionTik', 'flashAttention'],
  ['UnpadFlashAttentionMix', 'flashAttention'],
  ['PromptFlashAttention', 'flashAttention'],
  ['FindMax', 'findMax'],
  ['TomeMerged', 'tomeMerge'],
  ['TomeMerge', 'tomeMerge'],
  ['TomeUnmerge', 'tomeUnmerge'],
  ['TomeUnmerged', 'tomeUnmerge'],
  ['SliceTransGeluMul', 'sliceTransGeluMul'],
  ['AscendQuant', 'quant'],
  ['AscendDequant', 'dequant'],
]);

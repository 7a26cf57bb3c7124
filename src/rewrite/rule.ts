import { SdgraphError } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node } from '../ir/node.ts';
import { Value } from '../ir/value.ts';
import type { Inference } from '../schema/inference.ts';
import { type Build, Builder } from './build.ts';
import { removeIfUnused, replaceValue, takePlace } from './edit.ts';
import { type Captured, type Match, matchNode, type SeeThrough } from './match.ts';
import { opsetOf } from './opset.ts';
import { definePass, type Expected, type PassContext, type PassFactory } from './pass.ts';
import { type Pattern, type PatternKit, patternKit } from './pattern.ts';
import { label } from './report.ts';

/** The place that a rule is about to rewrite. */
export interface RuleSite {
  /** The node whose output is replaced. */
  readonly root: Node;
  /** The nodes that the pattern named, the root first. */
  readonly nodes: readonly Node[];
  /** Version of the standard operators there. */
  readonly opset: number | undefined;
  /** Types and shapes as of the start of the round; of what was made since then, only what the file says. */
  shapes(): Inference;
}

/** What a rule is made of: a shape, conditions, a replacement. `Captures` names what the pattern captures. */
export interface RuleDefinition<Captures> {
  /** Name in kebab-case; shows in reports and errors. */
  readonly name: string;
  /** Op type of the node at the end, where the pattern leaves a choice that the rule does not want. */
  readonly root?: string;
  /** What to look for. The outermost `op` is the root. */
  readonly pattern: (kit: PatternKit) => Pattern;
  /** Nodes to look through while matching. Default none. */
  readonly through?: readonly SeeThrough[];
  /** Refuse places where a node inside is also read from outside; it would be computed twice. Default false. */
  readonly exclusive?: boolean;
  /** Rules of more benefit are tried first. Default 0. */
  readonly benefit?: number;
  /** Why a place that has the shape must stay as it is; undefined when it need not. */
  readonly refuse?: (captures: Captures, site: RuleSite) => string | undefined;
  /**
   * Builds the replacement, and gives the value that stands for the root's first output from then on, or one for each
   * of its outputs. Edits nothing else.
   */
  readonly rewrite: (captures: Captures, build: Build, site: RuleSite) => Value | readonly Value[];
}

/** A rule with its pattern built. */
export interface Rule {
  readonly name: string;
  readonly benefit: number;
  /** Applies the rule to the nodes that end in `root`, or says why not; undefined when hardly anything matched. */
  tryAt(root: Node, shapes: () => Inference): RuleOutcome | undefined;
}

/** What became of one place. */
export interface RuleOutcome {
  readonly status: 'applied' | 'refused' | 'skipped';
  readonly reason: string;
}

/** A miss is worth reporting when the root and at least one more node matched. */
const NEAR = 2;

/** Rounds after which rules that still find something are taken not to end. */
const MAX_ROUNDS = 16;

/**
 * Defines a rewrite rule: shape, conditions and replacement, each on its own.
 *
 * ```ts
 * const fuseQuickGelu = rule<{ x: Value; k: number }>({
 *   name: 'fuse-quick-gelu',
 *   pattern: ({ any, scalar, op }) => op('Mul', any('x'), op('Sigmoid', op('Mul', any('x'), scalar('k')))),
 *   refuse: ({ k }) => (k > 0 ? undefined : `k is ${k}, wanted a positive number`),
 *   rewrite: ({ x, k }, build) => build('QuickGelu', [x], { domain: 'com.microsoft', attributes: { alpha: k } }),
 * });
 * ```
 */
export function rule<Captures>(definition: RuleDefinition<Captures>): Rule {
  const { name, root: rootType, benefit = 0, through = [], exclusive = false } = definition;
  const pattern = definition.pattern(patternKit);
  return {
    name,
    benefit,
    tryAt: (root, shapes) => {
      if (rootType !== undefined && root.opType !== rootType) return undefined;
      const found = matchNode(pattern, root, { through, shapes });
      if (!found.matched) return found.depth < NEAR ? undefined : { status: 'skipped', reason: found.reason };
      const { nodes } = found;
      const site: RuleSite = { root, nodes, opset: opsetOf(root.graph), shapes };
      const captures = capturesOf(found) as Captures;
      const reason = (exclusive ? sharedPart(found) : undefined) ?? pinned(root) ?? definition.refuse?.(captures, site);
      if (reason !== undefined) return { status: 'refused', reason };
      const made = root.graph.model.transaction(() => apply(definition, captures, site));
      return { status: 'applied', reason: `${name}: ${made.length === 0 ? 'removed' : made.map(String).join(', ')}` };
    },
  };
}

function capturesOf({ captures }: Match): unknown {
  // No prototype: a capture may be called anything.
  return Object.assign(Object.create(null) as Record<string, Captured>, Object.fromEntries(captures));
}

function sharedPart({ nodes }: Match): string | undefined {
  const inside = new Set(nodes);
  const shared = nodes.slice(1).find((node) => {
    const outputs = node.outputs.filter((value) => value !== undefined);
    return outputs.some(
      (value) => value.isGraphOutput || value.isPinned || value.consumers().some((reader) => !inside.has(reader)),
    );
  });
  return shared && `${label(shared)} is also read from elsewhere`;
}

function pinned(root: Node): string | undefined {
  const value = root.outputs.find((output) => output?.isPinned);
  return value && `'${value.name}' is referred to by name`;
}

function apply<Captures>(definition: RuleDefinition<Captures>, captures: Captures, site: RuleSite): readonly Node[] {
  const { root } = site;
  const builder = new Builder(root);
  const result = definition.rewrite(captures, builder.build, site);
  const replacements = result instanceof Value ? [result] : result;
  const circular = builder.nodes.find((node) => node.inputs.some((value) => value?.producer === root));
  if (circular !== undefined) throw broken(definition.name, root, `lets ${label(circular)} read what it replaces`);
  for (const [index, old] of root.outputs.entries()) {
    const replacement = replacements[index];
    if (old === undefined || replacement === undefined) continue;
    if (isNew(replacement, builder) && replacements.indexOf(replacement) === index) takePlace(old, replacement);
    else replaceValue(old, replacement);
  }
  removeIfUnused(root.outputs);
  if (root.isAlive) throw broken(definition.name, root, 'does not replace all that is read');
  return builder.nodes;
}

function broken(name: string, root: Node, what: string): SdgraphError {
  return new SdgraphError('E_GRAPH_EDIT', `the rule '${name}' ${what}`, { name: root.name });
}

function isNew(value: Value, builder: Builder): boolean {
  return value.producer !== undefined && builder.nodes.includes(value.producer) && !value.isGraphOutput;
}

/**
 * Runs rules over every scope until none finds anything: by benefit, then by place in the list, then in the order of
 * the nodes. Reports what was applied, and of the last round what was refused or nearly matched. A rule that throws
 * leaves its place as it was.
 *
 * @throws SdgraphError `E_PASS_DIVERGES` with the rule that still found something after `maxRounds` rounds
 */
export function applyRules(rules: readonly Rule[], context: PassContext, options: { maxRounds?: number } = {}): void {
  const { maxRounds = MAX_ROUNDS } = options;
  const ordered = rules.toSorted((a, b) => b.benefit - a.benefit);
  for (let round = 1; ; round++) {
    const { firing, misses } = runRound(ordered, context);
    if (firing === undefined) {
      for (const { node, outcome } of misses) context.report[outcome.status](node, outcome.reason);
      return;
    }
    if (round >= maxRounds) {
      throw new SdgraphError(
        'E_PASS_DIVERGES',
        `the rule '${firing.name}' still finds something after ${maxRounds} rounds`,
        {},
        { hint: 'it may match its own result' },
      );
    }
  }
}

interface MissedSite {
  readonly node: Node;
  readonly outcome: RuleOutcome;
}

function runRound(rules: readonly Rule[], context: PassContext): { firing: Rule | undefined; misses: MissedSite[] } {
  const misses: MissedSite[] = [];
  let firing: Rule | undefined;
  let known: Inference | undefined;
  const shapes = (): Inference => (known ??= context.shapes());
  for (const each of rules) {
    for (const graph of [...context.model.scopes()]) {
      // Nodes that a rule makes wait for the next round, so that a round ends.
      for (const node of [...graph.nodes]) {
        if (!node.isAlive || !isInModel(graph)) continue;
        const outcome = each.tryAt(node, shapes);
        if (outcome?.status === 'applied') {
          firing ??= each;
          context.report.applied(node, outcome.reason);
        } else if (outcome !== undefined) misses.push({ node, outcome });
      }
    }
  }
  return { firing, misses };
}

/** Whether the node that holds a subgraph, and those around it, are still there. */
function isInModel(graph: Graph): boolean {
  for (let at: Graph | undefined = graph; at !== undefined; at = at.parent) {
    if (at.owner?.isAlive === false) return false;
  }
  return true;
}

/** Makes a pass of rules. */
export function rulePass(definition: {
  readonly name: string;
  readonly summary: string;
  readonly rules: readonly Rule[];
  readonly expects?: Expected;
  readonly maxRounds?: number;
}): PassFactory<object> {
  const { name, summary, rules, expects = 'any', maxRounds = MAX_ROUNDS } = definition;
  return definePass({
    name,
    summary,
    defaults: {},
    expects: () => expects,
    run: (context) => applyRules(rules, context, { maxRounds }),
  });
}

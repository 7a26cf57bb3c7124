import { SdgraphError } from '../src/errors.ts';
import type { Graph } from '../src/ir/graph.ts';
import type { Node } from '../src/ir/node.ts';
import { sortGraph } from '../src/ir/sort.ts';
import { definePass } from '../src/rewrite/pass.ts';
import type { Inference } from '../src/schema/inference.ts';
import { type FlashAttentionOperator, loadTarget, requireOperator, targetNames } from '../src/targets/index.ts';
import { fuseAttention } from './attention/build.ts';
import { matchAttention, type NoSite } from './attention/match.ts';
import { type AttentionPlan, isCurrent, type Layers, planAttention } from './attention/plan.ts';
import { resolveTarget, type TargetOption } from './support/target.ts';

/** Operators that are attentions already, of ONNX itself or of onnxruntime. */
const FUSED: ReadonlySet<string> = new Set([
  'Attention',
  'FlashAttentionSoftmaxFp32',
  'GroupQueryAttention',
  'MultiHeadAttention',
  'PackedAttention',
  'PackedMultiHeadAttention',
  'QAttention',
]);

const LAYERS: readonly Layers[] = ['all', 'self', 'cross'];

/**
 * Puts the attention operator of a target in the place of softmax(scale * q kᵀ) v, in every scope. Attentions are found
 * from their Softmax by following the data; layouts, scales and casts that exporters write in different ways are seen
 * through, and whatever other nodes read stays.
 *
 * An attention with a mask, over another axis, of a shape that the operator does not take, or whose weights are read
 * elsewhere is refused. What the profile does not select is skipped.
 */
export const fuseFlashAttention = definePass<{ target: TargetOption; layers: Layers }>({
  name: 'fuse-flash-attention',
  summary: "Fuses attention into the target's flash-attention operator",
  defaults: { target: 'ascend310p-aie-7.0', layers: 'all' },
  options: {
    target: 'the target profile, or the name of a built-in one',
    layers: 'all: what the target takes; self, cross: only these of them',
  },
  expects: () => 'some',
  check: ({ target, layers }) => {
    requireOperator(resolveTarget(target), 'flashAttention');
    if (LAYERS.includes(layers)) return;
    throw new SdgraphError(
      'E_PASS_OPTION',
      'there is no such choice of layers',
      {},
      { expected: LAYERS.join(', '), found: layers },
    );
  },
  run(context, { target, layers }) {
    const { model, report } = context;
    const operator = requireOperator(resolveTarget(target), 'flashAttention');
    const found: Look[] = [];
    for (const graph of model.scopes()) {
      for (const node of graph.nodes) {
        if (isOperator(node, operator)) report.present(node, 'fused already');
        else if (isOtherAttention(node))
          report.refused(node, `an attention operator already, which ${operator.opType} does not replace`);
        else if (node.opType === 'Softmax' && node.isStandardDomain)
          found.push(look(node, operator, layers, context.shapes()));
      }
    }
    const edited = new Set<Graph>();
    for (const first of found) {
      // An edit may have replaced what the next attention reads; then it is looked at again.
      const isStale = 'site' in first.plan && !isCurrent(first.plan);
      const { softmax, plan, shapes } = isStale ? look(first.softmax, operator, layers, context.shapes()) : first;
      if ('site' in plan) {
        edited.add(softmax.graph);
        fuseAttention(plan, shapes);
        report.applied(softmax, describe(plan));
      } else if (plan.status === 'skipped') report.skipped(softmax, plan.reason);
      else report.refused(softmax, plan.reason);
    }
    for (const graph of edited) sortGraph(graph);
    const { domain } = operator;
    if (edited.size > 0 && domain !== '' && model.opset(domain) === undefined) model.setOpset(domain, 1);
    if (edited.size > 0 && operator.caution !== undefined) report.note(`${operator.opType}: ${operator.caution}`);
  },
});

/** What was found at a Softmax, and the shapes that this was concluded from. */
interface Look {
  readonly softmax: Node;
  readonly plan: AttentionPlan | NoSite;
  readonly shapes: Inference;
}

function look(softmax: Node, operator: FlashAttentionOperator, layers: Layers, shapes: Inference): Look {
  const site = matchAttention(softmax, shapes);
  return { softmax, plan: 'status' in site ? site : planAttention(site, operator, layers, shapes), shapes };
}

function describe({ site, operator }: AttentionPlan): string {
  const { kind, heads, headDim, qLength, kvLength } = site;
  return `${kind}-attention of ${heads} heads of ${headDim}, ${qLength} x ${kvLength} tokens, fused into ${operator.opType}`;
}

function isOperator({ opType, domain }: Node, operator: FlashAttentionOperator): boolean {
  return domain === operator.domain && (opType === operator.opType || operator.aliases.includes(opType));
}

function isOtherAttention({ opType, domain, isStandardDomain }: Node): boolean {
  if (!isStandardDomain && domain !== 'com.microsoft') return false;
  return (
    FUSED.has(opType) || targetNames().some((name) => loadTarget(name).operators.flashAttention?.opType === opType)
  );
}

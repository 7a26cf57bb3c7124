import { DataType } from '../../src/ir/data-type.ts';
import type { Inference } from '../../src/schema/inference.ts';
import { checkLimits, type FlashAttentionOperator } from '../../src/targets/index.ts';
import { axesOf, type Route, reshapeTo, routeTo } from './layout.ts';
import { type AttentionSite, type NoSite, siteFacts } from './match.ts';
import { isFloat } from './scalar.ts';
import { planScale, type ScalePlan, scoreScale } from './scale.ts';

/** Which attentions a user wants: all that the target takes, or only one kind of them. */
export type Layers = 'all' | 'self' | 'cross';

/** All that is needed to put an operator in the place of an attention. */
export interface AttentionPlan {
  readonly site: AttentionSite;
  readonly operator: FlashAttentionOperator;
  readonly q: Route;
  readonly k: Route;
  readonly v: Route;
  /** Factor on the scores of q and k as routed. */
  readonly factor: number;
  readonly scale: ScalePlan;
}

/** Says how a target's operator takes the place of an attention, or why it does not. Changes nothing. */
export function planAttention(
  site: AttentionSite,
  operator: FlashAttentionOperator,
  layers: Layers,
  shapes: Inference,
): AttentionPlan | NoSite {
  const { opType, layout, limits, selection } = operator;
  const facts = siteFacts(site);
  if (layers !== 'all' && site.kind !== layers) return skipped(`${site.kind}-attention was not asked for`);
  if (!selection.attention.includes(site.kind)) return skipped(`${opType} is not used for ${site.kind}-attention`);
  const outside = checkLimits(selection.rules, facts);
  if (outside.length > 0) return skipped(outside.join('; '));
  const broken = checkLimits(limits, facts);
  if (broken.length > 0) return refused(broken.join('; '));
  if (!isFloat(site.elemType)) return refused(`${opType} takes floating-point numbers only`);
  const countsHeads = operator.attributes.some(
    (attribute) => 'formula' in attribute && attribute.formula === 'numHeads',
  );
  if (countsHeads && typeof site.heads !== 'number') return refused('the number of heads is not known');
  const output = site.product.output();
  if (output.isPinned) return refused(`'${output.name}' is referred to by name`);
  if (reshapeTo(shapes.shape(output) ?? []) === undefined) return refused('more than one dimension is not known');
  const q = routeTo(layout, site.q, axesOf(site, 'q'), site.elemType);
  if (typeof q === 'string') return refused(q);
  const k = routeTo(layout, site.k, axesOf(site, 'kv'), site.elemType);
  if (typeof k === 'string') return refused(k);
  const v = routeTo(layout, site.v, axesOf(site, 'kv'), site.elemType);
  if (typeof v === 'string') return refused(v);
  const factor = scoreScale(site, q.from, k.from);
  const scale = planScale(site, operator, q.from, factor, shapes);
  if (typeof scale === 'string') return refused(scale);
  return { site, operator, q, k, v, factor, scale };
}

/** Whether what a plan was made from is still in the graph: an edit elsewhere may have removed it. */
export function isCurrent({ site, q, k, v, scale }: AttentionPlan): boolean {
  const nodes = [site.softmax, site.scores, site.product, ...site.scalings.map(({ node }) => node)];
  const values = [q, k, v].map(({ from }) => from.value);
  if (scale.kind === 'unscale') {
    nodes.push(scale.reshape);
    values.push(scale.data);
  }
  return nodes.every((node) => node.isAlive) && values.every(({ producer }) => producer?.isAlive !== false);
}

/** Whether a Cast to float32 follows the operator: it restores the type of a float32 model, other models keep theirs. */
export function hasCast({ operator, site }: AttentionPlan): boolean {
  return operator.castOutputTo === 'float32' && site.elemType === DataType.FLOAT;
}

const skipped = (reason: string): NoSite => ({ status: 'skipped', reason });
const refused = (reason: string): NoSite => ({ status: 'refused', reason });

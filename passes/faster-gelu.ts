import type { Node } from '../src/ir/node.ts';
import type { Value } from '../src/ir/value.ts';
import { removeIfUnused, takePlace } from '../src/rewrite/edit.ts';
import { opsetOf } from '../src/rewrite/opset.ts';
import { definePass } from '../src/rewrite/pass.ts';
import { label } from '../src/rewrite/report.ts';
import type { Inference } from '../src/schema/inference.ts';
import { checkLimits, type GatedActivationOperator, requireOperator } from '../src/targets/index.ts';
import { closeTo, productOf } from './support/product.ts';
import { namePrefix, readSlice } from './support/slices.ts';
import { resolveTarget, type TargetOption } from './support/target.ts';

/**
 * Puts the target's gated activation operator (`SliceTransGeluMul`) in the place of a GEGLU: one half of the last axis
 * times the exact GELU of the other half. Covers every scope. The GELU may be written in any order of its factors, with
 * a division or a multiplication by the square root of two, or as one Gelu node; the halves may come from two Slices or
 * from a Split. A swapped gate, another activation or a shape that the operator does not take is refused.
 *
 * Where the operator only approximates the GELU the report says so: this rewrite changes results.
 */
export const fasterGelu = definePass<{ readonly target: TargetOption }>({
  name: 'faster-gelu',
  summary: 'Fuses GEGLU into the gated activation operator of the target (lossy)',
  defaults: { target: 'ascend310p-aie-7.0' },
  options: { target: 'the target profile, or the name of a built-in one' },
  expects: () => 'some',
  check: ({ target }) => void requireOperator(resolveTarget(target), 'sliceTransGeluMul'),
  run(context, { target }) {
    const { model, report } = context;
    const operator = requireOperator(resolveTarget(target), 'sliceTransGeluMul');
    const sites: Site[] = [];
    for (const graph of model.scopes()) {
      for (const node of graph.nodes) {
        if (isOperator(node, operator)) report.present(node, 'fused already');
        if (!node.isStandardDomain || (node.opType !== 'Erf' && node.opType !== 'Gelu')) continue;
        const found = gatedProducts(node);
        if (found.length === 0) report.skipped(node, 'not a GELU that gates another value');
        for (const each of found) {
          const site = examine(each, operator, context.shapes());
          if (typeof site === 'string') report.refused(node, site);
          else sites.push(site);
        }
      }
    }
    for (const site of sites) report.applied(site.root, `fused into ${label(fuse(site, operator))}`);
    if (sites.length === 0) return;
    if (operator.lossy) for (const note of operator.notes) report.note(`${operator.opType}: ${note}`);
    if (operator.caution !== undefined) report.note(`${operator.opType}: ${operator.caution}`);
  },
});

/** How far off the square root of two may be as bfloat16. */
const ROUNDED = 4e-3;

/** A product of a value and the GELU of another, as the graph has it. */
interface GatedProduct {
  /** The Mul whose output is the whole product. */
  readonly root: Node;
  readonly value: Value;
  readonly gate: Value;
}

/** A product that the operator computes. */
interface Site {
  readonly root: Node;
  /** The Slice or Split of which the first input is what the operator reads. */
  readonly cut: Node;
}

function isOperator({ opType, domain }: Node, operator: GatedActivationOperator): boolean {
  return domain === operator.domain && (opType === operator.opType || operator.aliases.includes(opType));
}

/** Every product of a value and a GELU in which `node`, an Erf or Gelu, has a part. */
function gatedProducts(node: Node): GatedProduct[] {
  if (node.opType === 'Gelu') {
    const [gate] = node.inputs;
    const isExact = (node.attribute('approximate')?.string ?? 'none') === 'none';
    return gate === undefined || !isExact ? [] : productsWith(node.output(), [], 1, gate);
  }
  const { factors, coefficient } = productOf(node.inputs[0]);
  const [gate] = factors;
  if (gate === undefined || factors.length !== 1 || !closeTo(coefficient, Math.SQRT1_2, ROUNDED)) return [];
  const sums = node
    .output()
    .consumers()
    .filter((sum) => isOnePlus(sum, node.output()));
  return sums.flatMap((sum) => productsWith(sum.output(), [gate], 0.5, gate));
}

function isOnePlus(sum: Node, erf: Value): boolean {
  if (sum.opType !== 'Add' || !sum.isStandardDomain) return false;
  const other = sum.inputs[0] === erf ? sum.inputs[1] : sum.inputs[0];
  const { factors, coefficient } = productOf(other);
  return factors.length === 0 && closeTo(coefficient, 1);
}

/** The smallest products below `part` that are `coefficient` times `part`, the `others`, and one more value. */
function productsWith(part: Value, others: readonly Value[], coefficient: number, gate: Value): GatedProduct[] {
  const found: GatedProduct[] = [];
  const seen = new Set<Node>();
  const pending = part.consumers();
  for (let node = pending.shift(); node !== undefined; node = pending.shift()) {
    if (seen.has(node) || !node.isStandardDomain || !['Mul', 'Div', 'Identity'].includes(node.opType)) continue;
    seen.add(node);
    const product = productOf(node.output());
    if (!product.factors.includes(part)) continue;
    const left = [...product.factors];
    for (const factor of [part, ...others]) {
      const index = left.indexOf(factor);
      if (index >= 0) left.splice(index, 1);
    }
    const isWhole = product.factors.length === others.length + 2 && left.length === 1;
    const [value] = left;
    if (isWhole && value !== undefined && closeTo(product.coefficient, coefficient))
      found.push({ root: node, value, gate });
    else if (product.factors.length <= others.length + 2) pending.push(...node.output().consumers());
  }
  return found;
}

/** The product as a place for the operator, or why it is none. */
function examine(
  { root, value, gate }: GatedProduct,
  operator: GatedActivationOperator,
  shapes: Inference,
): Site | string {
  const valueHalf = halfOf(value, shapes);
  const gateHalf = halfOf(gate, shapes);
  if (valueHalf === undefined || gateHalf === undefined || valueHalf.data !== gateHalf.data) {
    return 'the two factors are not the halves of the last axis of one tensor';
  }
  if (valueHalf.half === gateHalf.half) return 'both factors are the same half';
  if (gateHalf.half !== operator.gate)
    return `the gate is the ${gateHalf.half} half and ${operator.opType} takes the ${operator.gate}`;
  const shape = shapes.shape(valueHalf.data) ?? [];
  if (shape.length !== 3) return `the tensor has ${shape.length} axes and ${operator.opType} takes 3`;
  if (shapes.shape(root.output())?.length !== 3)
    return 'the shape of the product is not known to be that of the halves';
  const [batch, tokens, inputFeatures] = shape.map((dim) => (typeof dim === 'number' ? dim : undefined));
  const features = inputFeatures === undefined ? undefined : inputFeatures / 2;
  const refusals = checkLimits(operator.limits, { opset: opsetOf(root.graph), batch, tokens, inputFeatures, features });
  if (refusals.length > 0) return refusals.join('; ');
  if (root.output().isPinned) return `'${root.output().name}' is referred to by name`;
  return { root, cut: valueHalf.cut };
}

interface Half {
  readonly data: Value;
  readonly half: 'first' | 'second';
  readonly cut: Node;
}

/** Which half of the last axis of which tensor a value is. */
function halfOf(value: Value, shapes: Inference): Half | undefined {
  const cut = value.producer;
  if (cut === undefined || !cut.isStandardDomain) return undefined;
  if (cut.opType === 'Slice') {
    const range = readSlice(cut, shapes);
    if (typeof range === 'string' || range.axis !== (shapes.shape(range.data)?.length ?? 0) - 1) return undefined;
    const { data, start, end, extent } = range;
    if (end - start !== extent / 2) return undefined;
    if (start === 0) return { data, half: 'first', cut };
    return end === extent ? { data, half: 'second', cut } : undefined;
  }
  if (cut.opType !== 'Split' || cut.outputs.length !== 2) return undefined;
  const [data] = cut.inputs;
  const rank = shapes.shape(data)?.length;
  const axis = cut.int('axis', 0);
  if (data === undefined || rank === undefined || (axis < 0 ? axis + rank : axis) !== rank - 1) return undefined;
  const [first, second] = cut.outputs.map((output) => shapes.shape(output)?.at(-1));
  if (typeof first !== 'number' || first !== second) return undefined;
  return { data, half: value.outputIndex === 0 ? 'first' : 'second', cut };
}

function fuse({ root, cut }: Site, operator: GatedActivationOperator): Node {
  const node = root.graph.insert(
    {
      opType: operator.opType,
      domain: operator.domain,
      name: `${namePrefix(cut.name)}${operator.opType}`,
      inputs: [cut.inputs[0]],
    },
    { before: root },
  );
  takePlace(root.output(), node.output());
  removeIfUnused([root.output()]);
  return node;
}

import { Attribute } from '../../src/ir/attribute.ts';
import { constantOf } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import { Builder } from '../../src/rewrite/builder.ts';
import { removeIfUnused, takePlace } from '../../src/rewrite/edit.ts';
import type { Inference } from '../../src/schema/inference.ts';
import type { TargetAttribute } from '../../src/targets/index.ts';
import { floatScalar } from '../support/float-scalar.ts';
import { follow, type Layout } from './layout.ts';
import { type AttentionPlan, hasCast } from './plan.ts';
import { connectResult, resultType } from './result.ts';
import type { Scaling } from './scalar.ts';

/** Puts the operator in the place of an attention and gives its node. The graph may need sorting afterwards. */
export function fuseAttention(plan: AttentionPlan, shapes: Inference): Node {
  const { site, operator } = plan;
  const { product } = site;
  const { graph } = product;
  const prefix = prefixOf(plan);
  const build = new Builder(product, prefix);
  const queries = follow(plan.q, build);
  const inputs = [queries, follow(plan.k, build), follow(plan.v, build)];
  const attributes = operator.attributes.map((attribute) => attributeOf(attribute, plan));
  const { opType, domain, layout } = operator;
  const node = graph.insert({ opType, domain, name: `${prefix}${opType}`, inputs, attributes }, { before: product });
  const scaling = movableScaling(plan);
  const anchor = anchorOf(plan, queries);
  const unscaled = anchor?.reshape.inputs[0] ?? queries;
  if (scaling !== undefined) detach(scaling, unscaled);
  const result = product.output();
  const { name } = result;
  const isStated = result.info !== undefined && !result.isGraphOutput;
  const isPlaced = connectResult(plan, node.output(), build, shapes);
  removeIfUnused([result]);
  if (plan.scale.kind === 'multiply') {
    const scaled = scaling?.node.output() ?? multiplied(unscaled, plan, prefix, anchor?.reshape ?? node);
    readQueries(node, anchor, scaled, layout);
  } else if (plan.scale.kind === 'unscale') {
    readQueries(node, anchor, plan.scale.data, layout);
    removeIfUnused([unscaled]);
  }
  const last = hasCast(plan) ? castAfter(node, prefix) : node.output();
  if (!isPlaced && !last.isGraphOutput && !graph.model.valueNames.has(name)) {
    last.name = name;
    if (isStated) last.setType(resultType(plan, layout));
  }
  return node;
}

/** What the names of the nodes around an attention have in front of the operator: `path/to/attn1/` of `path/to/attn1/Mul`. */
function prefixOf({ site }: AttentionPlan): string {
  const named = [site.scalings[0]?.node, site.scores, site.product].find(
    (node) => node !== undefined && node.name !== '',
  );
  return named === undefined ? '' : named.name.slice(0, named.name.lastIndexOf('/') + 1);
}

function attributeOf(attribute: TargetAttribute, { site, factor }: AttentionPlan): Attribute {
  const { name } = attribute;
  if ('formula' in attribute) {
    return attribute.formula === 'numHeads' ? Attribute.int(name, Number(site.heads)) : Attribute.float(name, factor);
  }
  if (attribute.type === 'string') return Attribute.string(name, attribute.value);
  return attribute.type === 'int' ? Attribute.int(name, attribute.value) : Attribute.float(name, attribute.value);
}

/** Where queries are scaled: in front of the Reshape that splits them into heads. */
interface Anchor {
  readonly reshape: Node;
  readonly tokens: Value;
  /** The Transpose between the two, where the layout has one. */
  readonly transpose: Node | undefined;
}

function anchorOf({ site, q }: AttentionPlan, queries: Value): Anchor | undefined {
  const tokens = site.q.findLast(({ form, elemType }) => form === 'tokens' && elemType === q.from.elemType)?.value;
  const reshape = tokens?.producer;
  if (tokens === undefined || reshape === undefined || reshape.graph !== site.softmax.graph) return undefined;
  if (reshape.opType !== 'Reshape' || !reshape.isStandardDomain || reshape.inputs[0] === undefined) return undefined;
  if (tokens === queries) return { reshape, tokens, transpose: undefined };
  const transpose = queries.producer;
  if (transpose?.opType !== 'Transpose' || transpose.inputs[0] !== tokens) return undefined;
  return { reshape, tokens, transpose };
}

/**
 * The node that scales the scores, when all it takes to scale the queries instead is to let it read them: it is the only
 * scaling, and by a stored constant of the right type.
 */
function movableScaling({ site, q, k, scale }: AttentionPlan): Scaling | undefined {
  const [scaling] = site.scalings;
  if (scale.kind !== 'multiply' || scaling === undefined || site.scalings.length !== 1) return undefined;
  if (q.from.scale !== 1 || k.from.scale !== 1) return undefined;
  const constant = constantOf(scaling.node.inputs[1 - scaling.dataIndex]);
  return constant?.dataType === site.elemType && constant.dims.length <= 1 ? scaling : undefined;
}

/** Takes a scaling node out of the way of the scores and lets it read the queries. */
function detach({ node, data, dataIndex }: Scaling, queries: Value): void {
  node.output().replaceAllUsesWith(data);
  node.graph.dropInfo(node.output());
  node.setInput(dataIndex, queries);
}

/** A new Mul in front of a node. */
function multiplied(queries: Value, { site, factor }: AttentionPlan, prefix: string, before: Node): Value {
  const build = new Builder(before, prefix);
  return build.op('Mul', [queries, build.constant(floatScalar(factor, site.elemType), 'scale')]);
}

/** Lets the operator read other queries. What other nodes read of the old ones stays as it is: they get their own copy. */
function readQueries(node: Node, anchor: Anchor | undefined, queries: Value, layout: Layout): void {
  if (anchor === undefined) return node.setInput(0, queries);
  const { reshape, tokens, transpose } = anchor;
  const readsTokens = transpose ?? node;
  const isOwn =
    tokens.soleUse?.node === readsTokens && (transpose === undefined || transpose.output().soleUse?.node === node);
  if (isOwn) return reshape.setInput(0, queries);
  const { name, opType, attributes } = reshape;
  const copy = node.graph.insert(
    { opType, attributes, name, inputs: [queries, ...reshape.inputs.slice(1)] },
    { before: node },
  );
  const split = copy.output();
  node.setInput(
    0,
    layout === 'BSND' ? split : new Builder(node, prefixOfNode(transpose ?? reshape)).transpose(split, [0, 2, 1, 3]),
  );
}

function prefixOfNode({ name }: Node): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

/** A Cast to float32 behind the operator; the names are those that upstream's graph library gives. */
function castAfter(node: Node, prefix: string): Value {
  const { graph } = node;
  const result = node.output();
  const attributes = [Attribute.int('to', DataType.FLOAT)];
  const cast = graph.insert({ opType: 'Cast', name: `${prefix}Cast`, inputs: [], attributes }, { after: node });
  takePlace(result, cast.output());
  cast.setInput(0, result);
  result.name = graph.model.valueNames.fresh(`${prefix}${node.opType}/${prefix}Cast`);
  return cast.output();
}

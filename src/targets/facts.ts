import { AttributeType } from '../ir/attribute.ts';
import type { Node } from '../ir/node.ts';
import type { Dim } from '../ir/type.ts';
import type { Inference } from '../schema/inference.ts';
import type { SiteFacts } from './limits.ts';
import type { FlashAttentionOperator, MergeRate, PluginOperator, Role } from './types.ts';

/** What is known of a plugin node, and what is wrong with the number of its axes. */
export interface Site {
  readonly facts: SiteFacts;
  readonly layout?: { readonly message: string; readonly expected: string; readonly found: string };
}

type Shape = readonly Dim[] | undefined;

/**
 * The quantities that limits speak of, as they are at a node. What is symbolic or unknown is left out.
 *
 * @param opset version of the standard operators where the node is
 */
export function siteFacts(
  node: Node,
  role: Role,
  operator: PluginOperator,
  inference: Inference,
  opset: number | undefined,
): Site {
  const shapes = node.inputs.map((value) => inference.shape(value));
  const wrong = shapes.findIndex(
    (shape, i) => shape !== undefined && (RANKS[role][i] ?? shape.length) !== shape.length,
  );
  if (wrong >= 0) {
    return {
      facts: { opset },
      layout: {
        message: `the input '${operator.inputs[wrong] ?? wrong}' has another number of axes than ${operator.opType} reads`,
        expected: `${RANKS[role][wrong]}`,
        found: `${shapes[wrong]?.length}`,
      },
    };
  }
  switch (role) {
    case 'flashAttention':
      return { facts: { opset, ...attention(shapes, (operator as FlashAttentionOperator).layout) } };
    case 'findMax':
      return { facts: { opset, lastAxis: last(shapes[0]), rows: product(shapes[0]?.slice(0, -1)) } };
    case 'tomeMerge':
    case 'tomeUnmerge':
      return {
        facts: { opset, ...merging(node, role, shapes, (operator as PluginOperator & { rate: MergeRate }).rate) },
      };
    case 'sliceTransGeluMul':
      return { facts: { opset, ...gated(shapes[0]) } };
    case 'quant':
    case 'dequant':
      return { facts: { opset } };
    default:
      return role satisfies never;
  }
}

/** How many axes the inputs have; inputs that may have any number are left out. */
const RANKS: Readonly<Record<Role, readonly (number | undefined)[]>> = {
  flashAttention: [4, 4, 4],
  findMax: [],
  tomeMerge: [3, 3, 2, 2],
  tomeUnmerge: [3, 2, 2, 2, 2],
  sliceTransGeluMul: [3],
  quant: [],
  dequant: [],
};

function attention([q, k]: readonly Shape[], layout: 'BNSD' | 'BSND'): SiteFacts {
  const [heads, tokens] = layout === 'BNSD' ? [1, 2] : [2, 1];
  return {
    batch: known(q?.[0]),
    heads: known(q?.[heads]),
    headDim: known(q?.[3]),
    qLength: known(q?.[tokens]),
    kvLength: known(k?.[tokens]),
  };
}

function merging(node: Node, role: 'tomeMerge' | 'tomeUnmerge', shapes: readonly Shape[], rate: MergeRate): SiteFacts {
  const [tokens, , second] = shapes;
  // Merging reads both groups of tokens, spreading the places where they were.
  const aTokens = known(role === 'tomeMerge' ? tokens?.[1] : shapes[1]?.[1]);
  const bTokens = known(role === 'tomeMerge' ? shapes[1]?.[1] : second?.[1]);
  const share = rateOf(node, rate);
  const countable = aTokens !== undefined && bTokens !== undefined && share !== undefined;
  const mergedTokens = countable ? Math.trunc((aTokens + bTokens) * share) : undefined;
  return {
    batch: known(tokens?.[0]),
    aTokens,
    bTokens,
    channels: known(tokens?.[2]),
    mergedTokens,
    keptTokens: aTokens === undefined || mergedTokens === undefined ? undefined : aTokens - mergedTokens,
  };
}

/** The share of tokens that a node merges; undefined when the attribute is no number. */
function rateOf(node: Node, { attribute: name, default: value }: MergeRate): number | undefined {
  const attribute = node.attribute(name);
  if (attribute === undefined) return value;
  return attribute.type === AttributeType.FLOAT ? attribute.float : undefined;
}

function gated(shape: Shape): SiteFacts {
  const inputFeatures = known(shape?.[2]);
  return {
    tokens: known(shape?.[1]),
    inputFeatures,
    features: inputFeatures === undefined ? undefined : inputFeatures / 2,
  };
}

function known(dim: Dim): number | undefined {
  return typeof dim === 'number' ? dim : undefined;
}

function last(shape: Shape): number | undefined {
  return known(shape?.at(-1));
}

function product(dims: Shape): number | undefined {
  return dims?.reduce<number | undefined>(
    (total, dim) => (total === undefined || typeof dim !== 'number' ? undefined : total * dim),
    1,
  );
}

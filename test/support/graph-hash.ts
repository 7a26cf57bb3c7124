import { createHash } from 'node:crypto';
import { type Attribute, AttributeType } from '../../src/ir/attribute.ts';
import { constantOfNode } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { topologicalOrder } from '../../src/ir/sort.ts';
import { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';

/** What the main graph of a model computes, as hashes. */
export interface GraphHash {
  readonly outputs: readonly string[];
  /** Sorted. */
  readonly nodes: readonly string[];
}

/**
 * What the main graph computes, without names and order of nodes: a hash for each graph output and each node. Two graphs
 * have the same ones when the same operators are connected in the same way to the same inputs and constants.
 */
export function graphHash({ graph }: Model): GraphHash {
  const known = new Map<Value, string>();
  const hashOf = (value: Value | undefined): string => {
    if (value === undefined) return '';
    const hash = known.get(value) ?? (value.initializer instanceof Tensor ? hashTensor(value.initializer) : value.name);
    known.set(value, hash);
    return hash;
  };
  const nodes: string[] = [];
  for (const node of topologicalOrder(graph)) {
    const constant = node.opType === 'Constant' ? constantOfNode(node) : undefined;
    const attributes = node.attributes.map(hashAttribute).toSorted();
    const own = digest([node.domain, node.opType, ...attributes, ...node.inputs.map(hashOf)]);
    const hash = constant === undefined ? own : hashTensor(constant);
    for (const [i, value] of node.outputs.entries()) {
      if (value !== undefined) known.set(value, i === 0 ? hash : `${hash}:${i}`);
    }
    if (constant === undefined) nodes.push(hash);
  }
  return { outputs: graph.outputs.map(hashOf), nodes: nodes.toSorted() };
}

/** Larger constants count by where they are. */
const HASHED_BYTES = 65_536;

function hashTensor(tensor: Tensor): string {
  const { dataType, dims, storage } = tensor;
  const type = [dataType, ...dims, storage.kind === 'external' ? [...storage.entries].join() : ''];
  if (tensor.byteLength > HASHED_BYTES) return digest(type);
  return digest([dataType, ...dims, Buffer.from(tensor.read()).toString('hex')]);
}

function hashAttribute(attribute: Attribute): string {
  const { name, typeName, values } = attribute;
  if (attribute.type === AttributeType.TENSOR) return digest([name, hashTensor(attribute.tensor)]);
  const text = JSON.stringify(values, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each));
  return digest([name, typeName, text]);
}

function digest(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20);
}

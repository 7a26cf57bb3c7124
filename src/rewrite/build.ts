import { type AttributeInput, attributesOf } from '../author/attributes.ts';
import type { Node } from '../ir/node.ts';
import type { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';
import { opsetOf } from './opset.ts';

/** How {@link Build} makes a node. */
export interface BuildOptions {
  /** Domain of the operator; default the standard one. */
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  /** Name of the node; by default the root's with the operator in the place of the last part. */
  readonly name?: string;
  /** Number of outputs; default 1. */
  readonly outputs?: number;
}

/** Makes nodes and constants in front of the node that a rule replaces. */
export interface Build {
  /** Makes a node and gives its first output. */
  (opType: string, inputs: readonly (Value | undefined)[], options?: BuildOptions): Value;
  /** Stores a constant. */
  constant(tensor: Tensor): Value;
}

/** @internal Keeps what a rule made. */
export class Builder {
  readonly nodes: Node[] = [];
  readonly build: Build;

  constructor(root: Node) {
    const { graph } = root;
    const make = (opType: string, inputs: readonly (Value | undefined)[], options: BuildOptions = {}): Value => {
      const { domain = '', name = `${root.name.replace(/[^/]*$/, '')}${opType}`, outputs = 1 } = options;
      const attributes = attributesOf(opType, domain, opsetOf(graph, domain) ?? 1, options.attributes ?? {});
      const node = graph.insert({ opType, inputs, domain, name, outputs, attributes }, { before: root });
      this.nodes.push(node);
      return node.output();
    };
    this.build = Object.assign(make, { constant: (tensor: Tensor) => graph.addInitializer(tensor) });
  }
}

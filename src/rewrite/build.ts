import { Attribute } from '../ir/attribute.ts';
import type { Node } from '../ir/node.ts';
import { Tensor } from '../ir/tensor.ts';
import type { Value } from '../ir/value.ts';

/**
 * What a new attribute holds, by its JavaScript type, so that the ONNX type never depends on the number: a number is a
 * FLOAT, a bigint an INT, a string a STRING, a Tensor a TENSOR, an array of numbers FLOATS, of bigints INTS.
 */
export type AttributeInput = number | bigint | string | Tensor | readonly number[] | readonly bigint[];

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
      const {
        domain = '',
        attributes = {},
        name = `${root.name.replace(/[^/]*$/, '')}${opType}`,
        outputs = 1,
      } = options;
      const list = Object.entries(attributes).map(([key, input]) => attributeOf(key, input));
      const node = graph.insert({ opType, inputs, domain, name, outputs, attributes: list }, { before: root });
      this.nodes.push(node);
      return node.output();
    };
    this.build = Object.assign(make, { constant: (tensor: Tensor) => graph.addInitializer(tensor) });
  }
}

function attributeOf(name: string, input: AttributeInput): Attribute {
  if (typeof input === 'number') return Attribute.float(name, input);
  if (typeof input === 'bigint') return Attribute.int(name, input);
  if (typeof input === 'string') return Attribute.string(name, input);
  if (input instanceof Tensor) return Attribute.tensor(name, input);
  return input.every((each) => typeof each === 'number') ? Attribute.floats(name, input) : Attribute.ints(name, input);
}

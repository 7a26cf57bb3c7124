import type { Span } from '../wire/rope.ts';
import type { Node } from './node.ts';
import type { Value } from './value.ts';
import type { ValueInfo } from './value-info.ts';

/** What a scope of nodes is: the model's graph, the body of If/Loop/Scan, a training graph, a local function. */
export type GraphKind = 'main' | 'subgraph' | 'training' | 'function';

/** Where a new node goes: in front of a node, behind one, or at the end. */
export interface Place {
  readonly before?: Node;
  readonly after?: Node;
}

/** @internal A field of the file that names a value. */
export interface Origin {
  readonly field: Span;
  readonly name: string;
}

/** @internal A graph input or output as listed: the value and what this list says of its type. */
export interface Port {
  readonly value: Value;
  readonly info: ValueInfo;
  /** The field in the file and the name it gives; to be copied while neither name nor type changed. */
  readonly origin?: Origin | undefined;
}

/** @internal An entry of `value_info`. */
export interface InfoEntry {
  readonly info: ValueInfo;
  readonly origin?: Origin | undefined;
}

/** @internal Lists of a graph that an edit reached, as bits. */
export const GraphEdit = { inputs: 1, outputs: 2, nodes: 4, initializers: 8, infos: 16 } as const;

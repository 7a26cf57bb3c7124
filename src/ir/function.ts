import type { Span } from '../wire/rope.ts';
import type { Attribute } from './attribute.ts';
import type { Graph } from './graph.ts';

/** A local function of a model (FunctionProto): an operator defined by a body of nodes. */
export interface LocalFunction {
  readonly name: string;
  readonly domain: string;
  /** Which of several functions of the same name this is (IR 10). */
  readonly overload: string;
  /** Names of the attributes without default; those with one are not listed. */
  readonly attributeNames: readonly string[];
  /** Values of attributes that a call may leave out. */
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  /** Operator sets of the body, by domain; the model's do not reach inside. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The body. Its inputs and outputs have no types. */
  readonly body: Graph;
  /** @internal The whole field with tag and length. */
  readonly field: Span;
}

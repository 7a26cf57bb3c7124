import { constantOf, constantScalar } from '../ir/constants.ts';
import { DataType } from '../ir/data-type.ts';
import type { Node } from '../ir/node.ts';
import { Value } from '../ir/value.ts';
import type { Inference } from '../schema/inference.ts';
import type { OpPattern, Pattern, ScalarPattern } from './pattern.ts';
import { label } from './report.ts';

/**
 * Kinds of nodes that a rule may ask to look through:
 * - `Identity`
 * - `noop-cast`: Cast to the type that its input has
 * - `reshape`: Reshape, Flatten, Squeeze, Unsqueeze; elements keep their order
 */
export type SeeThrough = 'Identity' | 'noop-cast' | 'reshape';

/** What matching needs beside the graph. */
export interface MatchContext {
  readonly through: readonly SeeThrough[];
  /** Types and shapes; asked for only where a Cast is met. */
  shapes(): Inference;
}

/** What a name of a pattern stands for. */
export type Captured = Value | Node | number;

/** A place that a pattern describes. */
export interface Match {
  readonly matched: true;
  readonly captures: ReadonlyMap<string, Captured>;
  /** The nodes that patterns named, each once, the root first. Nodes looked through are not among them. */
  readonly nodes: readonly Node[];
}

/** Why a place is not what a pattern describes. */
export interface Miss {
  readonly matched: false;
  /** What was wrong where most of the pattern had matched. */
  readonly reason: string;
  /** Nodes that matched before it went wrong. */
  readonly depth: number;
}

/**
 * Compares the nodes that end in `root` with a pattern. Changes nothing. Of several ways to match the first counts, in
 * the order of the pattern, operands as written before swapped ones.
 */
export function matchNode(pattern: Pattern, root: Node, context: MatchContext): Match | Miss {
  const matcher = new Matcher(context);
  for (const { captures, nodes } of matcher.root(pattern, root)) {
    return { matched: true, captures, nodes: [...new Set(nodes)] };
  }
  return matcher.miss;
}

interface State {
  readonly captures: ReadonlyMap<string, Captured>;
  readonly nodes: readonly Node[];
}

const START: State = { captures: new Map(), nodes: [] };

class Matcher {
  miss: Miss = { matched: false, reason: 'another operator', depth: -1 };
  readonly #context: MatchContext;

  constructor(context: MatchContext) {
    this.#context = context;
  }

  *root(pattern: Pattern, root: Node): Generator<State> {
    if (pattern.kind === 'op') yield* this.#node(pattern, root, START);
    if (pattern.kind === 'either') for (const each of pattern.patterns) yield* this.root(each, root);
  }

  *#value(pattern: Pattern, value: Value | undefined, state: State): Generator<State> {
    if (pattern.kind === 'either') {
      for (const each of pattern.patterns) yield* this.#value(each, value, state);
    } else if (pattern.kind === 'optional') {
      if (value === undefined) yield state;
      else yield* this.#value(pattern.pattern, value, state);
    } else if (value === undefined) {
      this.#fail('an input is left out', state);
    } else if (pattern.kind === 'any') {
      yield* this.#bind(pattern.name, value, state);
    } else if (pattern.kind === 'constant') {
      if (constantOf(this.#strip(value)) === undefined) this.#fail(`'${value.name}' is not constant`, state);
      else yield* this.#bind(pattern.name, value, state);
    } else if (pattern.kind === 'scalar') {
      yield* this.#scalar(pattern, value, state);
    } else {
      yield* this.#produced(pattern, value, state);
    }
  }

  *#scalar({ is }: ScalarPattern, value: Value, state: State): Generator<State> {
    const constant = this.#strip(value);
    const found = constantScalar(constant);
    if (found === undefined) this.#fail(`'${value.name}' is not a constant of one element`, state);
    else if (typeof is === 'string') yield* this.#bind(is, found, state);
    else if (Math.abs(found - is) <= Math.abs(is) * (ROUNDING.get(constantOf(constant)?.dataType ?? 0) ?? 0))
      yield state;
    else this.#fail(`'${value.name}' is ${found} and not ${is}`, state);
  }

  *#produced(pattern: OpPattern, value: Value, state: State): Generator<State> {
    for (const at of this.#steps(value)) {
      const { producer } = at;
      if (producer !== undefined && at.outputIndex === pattern.outputIndex) yield* this.#node(pattern, producer, state);
      else if (producer === undefined)
        this.#fail(`'${at.name}' is not computed by ${pattern.types.join(' or ')}`, state);
      else this.#fail(`'${at.name}' is output ${at.outputIndex} of ${label(producer)}`, state);
    }
  }

  *#node(pattern: OpPattern, node: Node, state: State): Generator<State> {
    const isOfDomain = pattern.domain === '' ? node.isStandardDomain : node.domain === pattern.domain;
    if (!isOfDomain || !pattern.types.includes(node.opType)) {
      this.#fail(`${node.opType} ${label(node)} is not ${pattern.types.join(' or ')}`, state);
      return;
    }
    const failed = pattern.conditions.find(({ test }) => !test(node));
    if (failed !== undefined) {
      this.#fail(`${node.opType} ${label(node)}: ${failed.reason}`, state);
      return;
    }
    if (!pattern.open && node.inputs.length > pattern.inputs.length) {
      this.#fail(`${node.opType} ${label(node)} has ${node.inputs.length} inputs`, state);
      return;
    }
    for (const captured of this.#bind(pattern.name, node, state)) {
      const entered = { captures: captured.captures, nodes: [...captured.nodes, node] };
      yield* this.#inputs(pattern.inputs, node.inputs, 0, entered);
      if (pattern.swaps) yield* this.#inputs(pattern.inputs, [node.inputs[1], node.inputs[0]], 0, entered);
    }
  }

  *#inputs(
    patterns: readonly Pattern[],
    values: readonly (Value | undefined)[],
    index: number,
    state: State,
  ): Generator<State> {
    const pattern = patterns[index];
    if (pattern === undefined) {
      yield state;
      return;
    }
    for (const next of this.#value(pattern, values[index], state))
      yield* this.#inputs(patterns, values, index + 1, next);
  }

  *#bind(name: string | undefined, found: Captured, state: State): Generator<State> {
    if (name === undefined) {
      yield state;
      return;
    }
    const known = state.captures.get(name);
    if (known === undefined) yield { ...state, captures: new Map(state.captures).set(name, found) };
    else if (this.#isSame(known, found)) yield state;
    else this.#fail(`'${name}' would have to be two different things`, state);
  }

  #isSame(a: Captured, b: Captured): boolean {
    if (a instanceof Value && b instanceof Value) return this.#strip(a) === this.#strip(b);
    return Object.is(a, b);
  }

  /** The value, and those that it is the same as when nodes are looked through. */
  *#steps(value: Value): Generator<Value> {
    const seen = new Set<Value>();
    for (let at: Value | undefined = value; at !== undefined && !seen.has(at); at = this.#behind(at)) {
      seen.add(at);
      yield at;
    }
  }

  #strip(value: Value): Value {
    let last = value;
    for (const at of this.#steps(value)) last = at;
    return last;
  }

  #behind({ producer, outputIndex }: Value): Value | undefined {
    if (producer === undefined || outputIndex !== 0 || !producer.isStandardDomain) return undefined;
    const { through } = this.#context;
    const [input] = producer.inputs;
    const { opType } = producer;
    if (opType === 'Identity' && through.includes('Identity')) return input;
    if (opType === 'Cast' && through.includes('noop-cast') && isNoopCast(producer, this.#context.shapes()))
      return input;
    return RESHAPES.has(opType) && through.includes('reshape') ? input : undefined;
  }

  #fail(reason: string, { nodes }: State): void {
    if (nodes.length > this.miss.depth) this.miss = { matched: false, reason, depth: nodes.length };
  }
}

const RESHAPES: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** How far a constant may be from a number that was rounded to its type, as a fraction of the number. */
const ROUNDING: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, 2 ** -23],
  [DataType.FLOAT16, 2 ** -10],
  [DataType.BFLOAT16, 2 ** -7],
]);

/** Whether a Cast gives the type that its input has. False where the type is not known. */
export function isNoopCast(node: Node, shapes: Inference): boolean {
  const type = shapes.type(node.inputs[0]);
  return type?.kind === 'tensor' && type.elemType !== 0 && type.elemType === node.int('to', -1);
}

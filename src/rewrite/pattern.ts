import type { Node } from '../ir/node.ts';

/** What a value may be. Made by {@link PatternKit}; matching is in `match.ts`. */
export type Pattern = AnyPattern | ConstantPattern | ScalarPattern | OptionalPattern | EitherPattern | OpPattern;

/** Any value. The same name twice means the same value. */
export interface AnyPattern {
  readonly kind: 'any';
  readonly name: string | undefined;
}

/** A constant, wherever it lives. */
export interface ConstantPattern {
  readonly kind: 'constant';
  readonly name: string | undefined;
}

/** A constant of one element: one to capture, or a number that it must be. */
export interface ScalarPattern {
  readonly kind: 'scalar';
  readonly is: string | number;
}

/** An input that may be left out. */
export interface OptionalPattern {
  readonly kind: 'optional';
  readonly pattern: Pattern;
}

/** The first of several that matches. */
export interface EitherPattern {
  readonly kind: 'either';
  readonly patterns: readonly Pattern[];
}

/** A condition on a node that its type and inputs do not express. */
export interface NodeCondition {
  /** What is wrong with a node that fails, as a user reads it: "the axis is not the last". */
  readonly reason: string;
  readonly test: (node: Node) => boolean;
}

/** Operators of the standard domain whose two operands may be swapped. */
const COMMUTATIVE: ReadonlySet<string> = new Set(['Add', 'Mul', 'And', 'Or', 'Xor', 'Equal', 'Min', 'Max']);

interface OpInit {
  readonly types: readonly string[];
  readonly inputs: readonly Pattern[];
  readonly domain: string;
  readonly swaps: boolean;
  readonly open: boolean;
  readonly outputIndex: number;
  readonly name: string | undefined;
  readonly conditions: readonly NodeCondition[];
}

/** An output of a node. Each method gives a new pattern with one more demand. */
export class OpPattern {
  readonly kind = 'op';
  /** Op types, any of which will do. */
  readonly types: readonly string[];
  readonly inputs: readonly Pattern[];
  /** Domain of the operator; '' is the standard one. */
  readonly domain: string;
  /** Whether the two operands match in either order. */
  readonly swaps: boolean;
  /** Whether inputs beyond those listed are allowed. */
  readonly open: boolean;
  readonly outputIndex: number;
  /** Under which the node is captured. */
  readonly name: string | undefined;
  readonly conditions: readonly NodeCondition[];

  readonly #init: OpInit;

  constructor(init: OpInit) {
    this.#init = init;
    this.types = init.types;
    this.inputs = init.inputs;
    this.domain = init.domain;
    this.swaps = init.swaps;
    this.open = init.open;
    this.outputIndex = init.outputIndex;
    this.name = init.name;
    this.conditions = init.conditions;
  }

  /** Captures the node. */
  as(name: string): OpPattern {
    return new OpPattern({ ...this.#init, name });
  }

  /** The operator of another domain. Its operands keep their order. */
  of(domain: string): OpPattern {
    return new OpPattern({ ...this.#init, domain, swaps: false });
  }

  /** Takes the operands of a commutative operator only in the order given. */
  inOrder(): OpPattern {
    return new OpPattern({ ...this.#init, swaps: false });
  }

  /** Allows further inputs. */
  andMore(): OpPattern {
    return new OpPattern({ ...this.#init, open: true });
  }

  /** The output at `index` instead of the first. */
  output(outputIndex: number): OpPattern {
    return new OpPattern({ ...this.#init, outputIndex });
  }

  /** A further condition on the node; `reason` says what is wrong with one that fails it. */
  when(reason: string, test: (node: Node) => boolean): OpPattern {
    return new OpPattern({ ...this.#init, conditions: [...this.conditions, { reason, test }] });
  }
}

/** What patterns are made with; handed to a rule's `pattern`. */
export interface PatternKit {
  /** A node of this type (or one of these) with these inputs. Add, Mul and their like match in either order. */
  readonly op: (type: string | readonly string[], ...inputs: Pattern[]) => OpPattern;
  /** Any value, captured as a `Value`. A name used twice has to be the same value both times. */
  readonly any: (name?: string) => Pattern;
  /** A constant in an initializer, a Constant node, or behind an Identity; captured as a `Value`. */
  readonly constant: (name?: string) => Pattern;
  /** A constant of one element: a name captures it as a number, a number has to be it up to rounding to its type. */
  readonly scalar: (is: string | number) => Pattern;
  /** An input that may be left out. */
  readonly optional: (pattern: Pattern) => Pattern;
  /** Any of these, tried in order. */
  readonly either: (...patterns: Pattern[]) => Pattern;
}

/** Makes patterns. */
export const patternKit: PatternKit = {
  op: (type, ...inputs) => {
    const types = typeof type === 'string' ? [type] : type;
    return new OpPattern({
      types,
      inputs,
      domain: '',
      swaps: inputs.length === 2 && types.every((each) => COMMUTATIVE.has(each)),
      open: false,
      outputIndex: 0,
      name: undefined,
      conditions: [],
    });
  },
  any: (name) => ({ kind: 'any', name }),
  constant: (name) => ({ kind: 'constant', name }),
  scalar: (is) => ({ kind: 'scalar', is }),
  optional: (pattern) => ({ kind: 'optional', pattern }),
  either: (...patterns) => ({ kind: 'either', patterns }),
};

import * as fc from 'fast-check';
import { fields, type Item, int, numbers, sub, text } from './awkward-encoding.ts';
import { utf8 } from './proto-writer.mjs';
import {
  AWKWARD_NAMES,
  arbEntries,
  arbFloat,
  arbInt64,
  arbSparse,
  arbTensor,
  arbText,
  joined,
  maybe,
  maybeText,
  sparse,
} from './wire-tensors.ts';
import { arbDimension, arbInfo, arbType } from './wire-types.ts';

/** Builds the fields of a message once the names that it can see are known. */
export type Make = (scope: Scope) => Item[];

/** The names of values that can be seen, each of them unique in the whole model. */
export class Scope {
  readonly #outer: readonly Uint8Array[];
  readonly #own: Uint8Array[] = [];
  readonly #counter: { next: number };

  constructor(outer: readonly Uint8Array[] = [], counter = { next: 0 }) {
    this.#outer = outer;
    this.#counter = counter;
  }

  /** A scope that sees all that this one sees so far. */
  inner(): Scope {
    return new Scope([...this.#outer, ...this.#own], this.#counter);
  }

  /** Names declared in this scope itself. */
  get own(): readonly Uint8Array[] {
    return this.#own;
  }

  /** Any visible name; the empty one, which means none, for 0 and where there is none. */
  pick(choice: number): Uint8Array {
    const visible = [...this.#outer, ...this.#own];
    return visible.length === 0 || choice === 0 ? utf8('') : (visible[choice % visible.length] as Uint8Array);
  }

  /** Declares a new name; every other one is awkward. */
  declare(): Uint8Array {
    const index = this.#counter.next++;
    const name = freshName(index);
    this.#own.push(name);
    return name;
  }
}

/** The name of the value with that index: plain, or one that breaks naive readers, but never twice the same. */
function freshName(index: number): Uint8Array {
  if (index % 2 === 0) return utf8(`v${index}`);
  const awkward = AWKWARD_NAMES[(index - 1) / 2];
  if (awkward !== undefined) return utf8(awkward);
  // Names that only differ in a byte that is not UTF-8.
  return Uint8Array.of(0x76, 0x80 + (index % 0x40), 0xff, ...utf8(`${Math.floor(index / 0x40)}`));
}

/** The value of an attribute that holds no graph. */
function fixed(kind: number, arb: fc.Arbitrary<Item[]>): fc.Arbitrary<Make> {
  return arb.map((items) => () => fields(int(20, kind), items));
}

function list<T>(arb: fc.Arbitrary<T>, toItem: (value: T) => Item): fc.Arbitrary<Item[]> {
  return fc.array(arb, { maxLength: 3 }).map((values) => values.map(toItem));
}

/** The value of an attribute: its kind, and the field that holds it. */
function arbAttributeValue(depth: number): fc.Arbitrary<Make> {
  const named = fc.tuple(arbTensor, arbText).map(([tensor, name]) => fields(tensor, text(8, name)));
  const anySparse = arbSparse.map(({ values, indices, dims }) => sparse(values, indices, dims));
  const kinds = [
    fixed(
      1,
      arbFloat.map((bytes) => [{ id: 2, wire: 5, value: bytes, repeated: false }]),
    ),
    fixed(
      2,
      arbInt64.map((value) => [int(3, value)]),
    ),
    fixed(
      3,
      arbText.map((value) => [text(4, value)]),
    ),
    fixed(
      4,
      named.map((tensor) => [sub(5, tensor)]),
    ),
    fixed(
      6,
      fc.array(arbFloat, { maxLength: 3 }).map((values) => [numbers(7, 5, values, false)]),
    ),
    fixed(
      7,
      fc.array(arbInt64, { maxLength: 4 }).map((values) => [numbers(8, 0, values, false)]),
    ),
    fixed(
      8,
      list(arbText, (value) => text(9, value, true)),
    ),
    fixed(
      9,
      list(arbTensor, (tensor) => sub(10, tensor, true)),
    ),
    fixed(
      11,
      anySparse.map((tensor) => [sub(22, tensor)]),
    ),
    fixed(
      12,
      list(anySparse, (tensor) => sub(23, tensor, true)),
    ),
    fixed(
      13,
      arbType.map((type) => [sub(14, type)]),
    ),
    fixed(
      14,
      list(arbType, (type) => sub(15, type, true)),
    ),
  ];
  if (depth === 0) return fc.oneof(...kinds);
  const graph = arbGraph(depth - 1);
  return fc.oneof(
    ...kinds.map((arbitrary) => ({ arbitrary, weight: 1 })),
    {
      arbitrary: graph.map(
        (make): Make =>
          (scope) => [int(20, 5), sub(6, make(scope.inner()))],
      ),
      weight: 3,
    },
    {
      arbitrary: fc.array(graph, { maxLength: 2 }).map(
        (all): Make =>
          (scope) => [int(20, 10), ...all.map((make) => sub(11, make(scope.inner()), true))],
      ),
      weight: 1,
    },
  );
}

const arbAttributeName = fc.constantFrom('axis', 'then_branch', '__proto__', 'constructor', 'é', 'a b');

/** The attributes of a node, or of a function in field 11; their names differ. */
function arbAttributes(depth: number, target = 5): fc.Arbitrary<Make> {
  const arbOne = fc.record({
    name: arbAttributeName,
    value: arbAttributeValue(depth),
    // Files of IR version 1 have no type.
    untyped: fc.constantFrom(false, false, false, true),
    doc: maybeText(13),
  });
  return fc.uniqueArray(arbOne, { maxLength: 3, selector: ({ name }) => name }).map(
    (all) => (scope) =>
      all.map(({ name, value, untyped, doc }) => {
        const items = value(scope).filter(({ id }) => !(untyped && id === 20));
        return sub(target, fields(text(1, name), doc, items), true);
      }),
  );
}

const arbSharding: fc.Arbitrary<Item[]> = joined(
  maybeText(1),
  fc.array(arbInt64, { maxLength: 2 }).map((devices) => [numbers(2, 0, devices, false)]),
  maybe(
    fc
      .tuple(arbInt64, fc.array(arbInt64, { maxLength: 2 }))
      .map(([key, group]) => sub(3, [int(1, key), numbers(2, 0, group, false)], true)),
  ),
  maybe(
    fc
      .tuple(arbInt64, arbDimension, arbInt64)
      .map(([axis, extent, shards]) =>
        sub(4, [int(1, axis), sub(2, [...extent.filter(({ id }) => id < 3), int(3, shards)], true)], true),
      ),
  ),
);

const arbPlacement: fc.Arbitrary<Item[]> = joined(
  maybeText(1),
  maybe(arbSharding.map((sharding) => sub(2, sharding, true))),
  maybe(fc.integer({ min: -3, max: 3 }).map((stage) => int(3, stage))),
);

/** One call, with everything a node can carry; now and then a message with nothing in it. */
function arbNode(depth: number): fc.Arbitrary<Make> {
  const full = fc
    .record({
      inputs: fc.array(fc.nat(50), { maxLength: 3 }),
      outputs: fc.array(fc.boolean(), { maxLength: 3 }),
      op: fc.constantFrom('Add', 'If', 'Constant', 'constructor', '__proto__', 'An Op/é'),
      domain: fc.option(fc.constantFrom('', 'ai.onnx', 'com.example')),
      attributes: arbAttributes(depth),
      extras: joined(
        ...[3, 6, 8].map(maybeText),
        arbEntries(9),
        maybe(arbPlacement.map((placement) => sub(10, placement, true))),
      ),
    })
    .map(
      ({ inputs, outputs, op, domain, attributes, extras }): Make =>
        (scope) => {
          const used = inputs.map((choice) => text(1, scope.pick(choice), true));
          // Subgraphs come first: they do not see what their node produces.
          const constants = attributes(scope);
          const made = outputs.map((present) => text(2, present ? scope.declare() : '', true));
          return [
            ...used,
            ...made,
            text(4, op),
            ...constants,
            ...(domain === null ? [] : [text(7, domain)]),
            ...extras,
          ];
        },
    );
  return fc.oneof({ arbitrary: full, weight: 12 }, { arbitrary: fc.constant<Make>(() => []), weight: 1 });
}

/** Value infos in field `id` for those of the names that `infos` reaches. */
function describe(id: number, names: readonly Uint8Array[], infos: readonly Item[][]): Item[] {
  return names.slice(0, infos.length).map((name, i) => sub(id, [text(1, name), ...(infos[i] as Item[])], true));
}

/** A graph whose nodes may hold graphs, `depth` levels of them. */
export function arbGraph(depth: number): fc.Arbitrary<Make> {
  return fc
    .record({
      inputs: fc.array(arbInfo, { maxLength: 2 }),
      initializers: fc.array(arbTensor, { maxLength: 2 }),
      sparses: fc.array(arbSparse, { maxLength: 1 }),
      nodes: fc.array(arbNode(depth), { maxLength: depth + 1 }),
      outputs: fc.array(arbInfo, { maxLength: 2 }),
      infos: fc.array(arbInfo, { maxLength: 2 }),
      // An initializer of the same name is the default of an input.
      defaults: fc.boolean(),
      annotations: fc.array(joined(maybeText(1), arbEntries(2)), { maxLength: 1 }),
      extras: joined(maybeText(2), maybeText(10), arbEntries(16)),
    })
    .map(
      ({ inputs, initializers, sparses, nodes, outputs, infos, defaults, annotations, extras }): Make =>
        (scope) => {
          const inputNames = inputs.map(() => scope.declare());
          const weights = initializers.map((tensor, i) => {
            const name = defaults && i === 0 ? inputNames[0] : undefined;
            return sub(5, [...tensor, text(8, name ?? scope.declare())], true);
          });
          const sparseWeights = sparses.map(({ values, indices, dims }) =>
            sub(15, sparse([...values, text(8, scope.declare())], indices, dims), true),
          );
          const before = scope.own.length;
          const calls = nodes.map((make) => sub(1, make(scope), true));
          const produced = scope.own.slice(before);
          return [
            ...calls,
            ...weights,
            ...describe(11, inputNames, inputs),
            ...describe(12, produced.toReversed(), outputs),
            ...describe(13, produced.slice(0, Math.max(0, produced.length - outputs.length)), infos),
            ...annotations.map((annotation) => sub(14, annotation, true)),
            ...sparseWeights,
            ...extras,
          ];
        },
    );
}

/** A local function, given its place in the model: inputs, outputs and attributes with and without a default. */
export const arbFunction: fc.Arbitrary<(index: number) => Item[]> = fc
  .record({
    inputs: fc.nat(2),
    nodes: fc.array(arbNode(1), { maxLength: 2 }),
    outputs: fc.nat(2),
    reference: fc.boolean(),
    defaults: arbAttributes(0, 11),
    infos: fc.array(arbInfo, { maxLength: 2 }),
    extras: joined(maybeText(8), maybeText(13), arbEntries(14)),
  })
  .map(({ inputs, nodes, outputs, reference, defaults, infos, extras }) => (index) => {
    const scope = new Scope();
    const inputNames = Array.from({ length: inputs }, () => scope.declare());
    const calls = nodes.map((make) => sub(7, make(scope), true));
    const referring = [text(4, 'Refers'), sub(5, [text(1, 'alpha'), int(20, 1), text(21, 'given')], true)];
    const produced = scope.own.slice(inputs).toReversed().slice(0, outputs);
    return [
      text(1, `f${index}`),
      ...inputNames.map((name) => text(4, name, true)),
      ...produced.map((name) => text(5, name, true)),
      ...(reference ? [text(6, 'given', true), sub(7, referring, true)] : []),
      ...calls,
      sub(9, [int(2, 17)], true),
      text(10, 'com.example'),
      ...defaults(scope),
      ...describe(12, scope.own, infos),
      ...extras,
    ];
  });

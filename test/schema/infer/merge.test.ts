import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatType, type ValueType } from '../../../src/ir/type.ts';
import { joinTypes, refine, sameType } from '../../../src/schema/infer/merge.ts';
import { parseType } from '../../support/infer-op.ts';

/** A type from text, `unknown` for the kind that says nothing. */
const typeOf = (text: string): ValueType => (text === 'unknown' ? { kind: 'unknown' } : parseType(text));

describe('what is stated refines what follows', () => {
  test.each([
    { inferred: 'float32[2,?]', stated: 'float32[2,3]', gives: 'float32[2,3]' },
    { inferred: 'float32[2,N]', stated: 'float32[2,3]', gives: 'float32[2,3]' },
    { inferred: 'float32[2,3]', stated: 'float32[2,N]', gives: 'float32[2,3]' },
    { inferred: 'float32[2,?]', stated: 'float32[2,N]', gives: 'float32[2,N]' },
    { inferred: 'float32[2,M]', stated: 'float32[2,N]', gives: 'float32[2,N]' },
    { inferred: 'float32', stated: 'float32[2]', gives: 'float32[2]' },
    { inferred: 'float32[2]', stated: 'float32', gives: 'float32[2]' },
    { inferred: 'unknown', stated: 'float32[2]', gives: 'float32[2]' },
    { inferred: 'float32[2]', stated: 'unknown', gives: 'float32[2]' },
  ])('$inferred with $stated', ({ inferred, stated, gives }) => {
    const said: string[] = [];
    expect(formatType(refine(typeOf(inferred), typeOf(stated), (message) => said.push(message)))).toBe(gives);
    expect(said).toEqual([]);
  });
});

describe('what follows stays where both contradict', () => {
  test.each([
    { inferred: 'float32[2]', stated: 'float32[3]', says: 'stated to have extent 3 in dimension 0, but it has 2' },
    { inferred: 'float32[2]', stated: 'float32[2,3]', says: 'stated to have rank 2, but it has rank 1' },
    { inferred: 'float32[2]', stated: 'int64[2]', says: 'stated to hold int64, but it holds float32' },
  ])('$inferred with $stated', ({ inferred, stated, says }) => {
    const said: string[] = [];
    expect(formatType(refine(typeOf(inferred), typeOf(stated), (message) => said.push(message)))).toBe(inferred);
    expect(said).toEqual([says]);
  });

  test('kinds too', () => {
    const said: string[] = [];
    const sequence: ValueType = { kind: 'sequence', element: typeOf('float32[2]') };
    expect(refine(sequence, typeOf('float32'), (message) => said.push(message))).toBe(sequence);
    expect(said).toEqual(['stated to be a tensor, but it is a sequence']);
  });
});

const dim = fc.oneof(fc.constant(undefined), fc.constantFrom('N', 'M'), fc.nat(3));
const tensor = fc.record(
  { kind: fc.constant('tensor' as const), elemType: fc.constantFrom(0, 1, 7), shape: fc.array(dim, { maxLength: 3 }) },
  { requiredKeys: ['kind', 'elemType'] },
);
const { type } = fc.letrec<{ type: ValueType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2 },
    tensor as fc.Arbitrary<ValueType>,
    fc.record({ kind: fc.constantFrom('sequence' as const, 'optional' as const), element: tie('type') }),
    fc.record({ kind: fc.constant('map' as const), keyType: fc.constantFrom(7, 8), value: tie('type') }),
  ),
}));

describe('laws', () => {
  test('a type refined by itself, or joined with itself, stays', () => {
    fc.assert(
      fc.property(type, (each) => {
        const fail = (message: string): never => expect.fail(message);
        expect(sameType(refine(each, each, fail), each)).toBe(true);
        expect(sameType(joinTypes(each, each), each)).toBe(true);
      }),
    );
  });

  test('joining does not depend on the order', () => {
    fc.assert(
      fc.property(type, type, (a, b) => {
        expect(sameType(joinTypes(a, b), joinTypes(b, a))).toBe(true);
        expect(sameType(a, b)).toBe(sameType(b, a));
      }),
    );
  });
});

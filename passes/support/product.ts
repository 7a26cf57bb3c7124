import { constantOf, constantScalar } from '../../src/ir/constants.ts';
import type { Value } from '../../src/ir/value.ts';

/** A value as a product: `coefficient` times all `factors`. */
export interface Product {
  readonly factors: readonly Value[];
  readonly coefficient: number;
}

/** Levels of multiplication looked through. No activation function is written with more. */
const DEPTH = 6;

/**
 * Multiplies out what a value is a product of, through Mul, Div by a constant and Identity nodes, so that order and
 * grouping of the factors do not matter. A factor is anything that is not itself such a product; scalar constants go
 * into the coefficient.
 */
export function productOf(value: Value | undefined, depth = DEPTH): Product {
  if (value === undefined) return { factors: [], coefficient: Number.NaN };
  if (constantOf(value)?.elementCount === 1) {
    const scalar = constantScalar(value);
    if (scalar !== undefined) return { factors: [], coefficient: scalar };
  }
  const alone = { factors: [value], coefficient: 1 };
  const node = value.producer;
  if (depth === 0 || node === undefined || !node.isStandardDomain) return alone;
  const [a, b] = node.inputs;
  if (node.opType === 'Identity') return productOf(a, depth - 1);
  if (node.opType !== 'Mul' && node.opType !== 'Div') return alone;
  const left = productOf(a, depth - 1);
  const right = productOf(b, depth - 1);
  if (node.opType === 'Mul') {
    return { factors: [...left.factors, ...right.factors], coefficient: left.coefficient * right.coefficient };
  }
  return right.factors.length > 0
    ? alone
    : { factors: left.factors, coefficient: left.coefficient / right.coefficient };
}

/** Whether a constant is `wanted`, up to a relative tolerance for how it was rounded. */
export function closeTo(found: number, wanted: number, tolerance = 1e-6): boolean {
  return Math.abs(found - wanted) <= Math.abs(wanted) * tolerance;
}

import { broadcast, sameDim } from './dims.ts';
import { Contradiction, type Shape, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** Shape of a matrix product by numpy's rule: a vector on either side loses its dimension again. */
export function matmulShape(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0) throw new Contradiction('a scalar cannot be multiplied as a matrix');
  sameDim(a.at(-1), b.length === 1 ? b[0] : b.at(-2), 'inner dimensions');
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2)) as Shape;
  return [...batch, ...(a.length === 1 ? [] : [a.at(-2)]), ...(b.length === 1 ? [] : [b.at(-1)])];
}

/** A matrix product of the inputs at `a` and `b` with elements of a given type. */
export function matmulLike(a: number, b: number, elem: (op: OpContext) => number): OperatorInference {
  return (op) => [tensor(elem(op), matmulShape(op.shape(a), op.shape(b)))];
}

const gemm: OperatorInference = (op) => {
  const [a, b] = [op.shapeOfRank(0, 2), op.shapeOfRank(1, 2)];
  const [rows, inner] = op.int('transA', 0) === 0 ? [a?.[0], a?.[1]] : [a?.[1], a?.[0]];
  const [second, columns] = op.int('transB', 0) === 0 ? [b?.[0], b?.[1]] : [b?.[1], b?.[0]];
  sameDim(inner, second, 'inner dimensions');
  return [tensor(op.elem(0), [rows, columns])];
};

const determinant: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  if (shape.length < 2) throw new Contradiction(`a matrix of rank ${shape.length}`);
  sameDim(shape.at(-1), shape.at(-2), 'sides of the matrix');
  return [tensor(op.elem(0), shape.slice(0, -2))];
};

/** Matrix products and determinants. */
export const MATMUL: OperatorTable = new Map<string, OperatorInference>([
  ['MatMul', matmulLike(0, 1, (op) => op.elem(0))],
  ['Gemm', gemm],
  ['Det', determinant],
]);

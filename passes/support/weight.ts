import { constantOf } from '../../src/ir/constants.ts';
import type { Value } from '../../src/ir/value.ts';

/** Operators that give a stored weight the type, the order or the shape that the graph computes with. */
const PREPARING: ReadonlySet<string> = new Set([
  ...['Cast', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity', 'Split', 'Slice', 'Gather'],
  ...['QuantizeLinear', 'DequantizeLinear', 'AscendQuant', 'AscendDequant', 'AscendAntiQuant'],
]);

/** How many of them are looked through; more than two or three nobody writes. */
const DEPTH = 8;

/** Whether a value is a constant, or one that the graph prepares: stored in another type, transposed, quantized. */
export function isWeight(value: Value | undefined, depth = DEPTH): boolean {
  if (constantOf(value) !== undefined) return true;
  const node = value?.producer;
  if (node === undefined || depth === 0 || !node.isStandardDomain || !PREPARING.has(node.opType)) return false;
  return isWeight(node.inputs[0], depth - 1);
}

import { constantOf, floatTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Builder } from '../../src/rewrite/builder.ts';
import { CannotLower, dims, input, type Lower, type Lowering } from './context.ts';

/** Operators between AscendQuant and AscendDequant that keep the integers apart by output channel. */
const INTEGER_OPS: ReadonlySet<string> = new Set(['Conv', 'MatMul', 'Gemm']);

/**
 * AscendQuant on its own: `sat8(round(x * scale + offset))`, rounding half to even (ascend-ops, section 8.2). One whose
 * result only reaches an AscendDequant through Conv, MatMul or Gemm goes with that, see {@link lowerDequant}.
 */
export const lowerQuant: Lower = (lowering) => [
  lowering.build.cast(quantized(lowering.build, lowering.node), DataType.INT8),
];

/** The integers that a quantized value holds, as float32. */
function quantized(build: Builder, node: Node): Value {
  const { scale, offset } = quantization(node);
  const mode = node.attribute('round_mode')?.string ?? 'Round';
  const round = { Round: 'Round', Floor: 'Floor', Ceil: 'Ceil' }[mode];
  if (round === undefined) throw new CannotLower(`the rounding mode ${mode} has no standard operator`);
  if ((node.attribute('dst_type')?.string ?? 'INT8') !== 'INT8') throw new CannotLower('only int8 is supported');
  const [x] = node.inputs;
  if (x === undefined) throw new CannotLower('input 0 is missing');
  const scaled = build.op('Add', [build.op('Mul', [x, build.scalar(scale)]), build.scalar(offset)]);
  return build.op('Min', [build.op('Max', [build.op(round, [scaled]), build.scalar(-128)]), build.scalar(127)]);
}

function quantization(node: Node): { scale: number; offset: number } {
  const scale = node.attribute('scale')?.float ?? 0;
  const square = node.int('sqrt_mode', 0) !== 0;
  return { scale: square ? scale * scale : scale, offset: node.attribute('offset')?.float ?? 0 };
}

/**
 * AscendDequant with the operator before it and the AscendQuant before that, as one unit: the compiler corrects for the
 * zero point between them, which no node of the file does (ascend-ops, section 8.4):
 * `y = s * (W (x_q - offset) + b_q)`, with zeros as padding of `x_q - offset`.
 */
export const lowerDequant: Lower = (lowering) => {
  const { build, node } = lowering;
  const middle = input(lowering, 0).producer;
  const quant = middle?.inputs[0]?.producer;
  let sums: Value;
  if (middle !== undefined && INTEGER_OPS.has(middle.opType) && quant?.opType === 'AscendQuant') {
    const shifted = build.op('Sub', [quantized(build, quant), build.scalar(quantization(quant).offset)]);
    const others = middle.inputs.slice(1).map((value) => value && build.cast(value, DataType.FLOAT));
    sums = build.ops(middle.opType, [shifted, ...others], { attributes: middle.attributes })[0] as Value;
  } else {
    sums = build.cast(input(lowering, 0), DataType.FLOAT);
  }
  const scaled = build.op('Mul', [sums, dequantScale(lowering, middle)]);
  const rectified = node.int('relu_flag', 0) === 0 ? scaled : build.op('Relu', [scaled]);
  return [node.int('dtype', 0) === 1 ? build.cast(rectified, DataType.FLOAT16) : rectified];
};

/** The scale, one or one a channel, shaped to multiply the output of `middle`. Each uint64 holds float32 bits in its low word. */
function dequantScale(lowering: Lowering, middle: Node | undefined): Value {
  const { node, build } = lowering;
  const tensor = constantOf(node.inputs[1]);
  if (tensor === undefined || tensor.dataType !== DataType.UINT64)
    throw new CannotLower('the scale is no uint64 constant');
  const bytes = tensor.read();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const square = node.int('sqrt_mode', 0) !== 0;
  const scales = Array.from({ length: bytes.length / 8 }, (_, i) => {
    const scale = view.getFloat32(i * 8, true);
    return square ? scale * scale : scale;
  });
  if (scales.length === 1) return build.scalar(scales[0] as number);
  const rank = dims(lowering, 0).length;
  const channelAxis = middle?.opType === 'Conv' ? 1 : rank - 1;
  const shape = Array.from({ length: rank }, (_, axis) => (axis === channelAxis ? scales.length : 1));
  return build.constant(floatTensor(scales, shape), 'scale');
}

/** int8 back to float: `(x - offset) * scale`; the parser flips the sign of the offset (ascend-ops, section 8.2). */
export const lowerAntiQuant: Lower = (lowering) => {
  const { build, node } = lowering;
  const { scale, offset } = quantization(node);
  const x = build.cast(input(lowering, 0), DataType.FLOAT);
  const result = build.op('Mul', [build.op('Sub', [x, build.scalar(offset)]), build.scalar(scale)]);
  return [node.int('dtype', 0) === 1 ? build.cast(result, DataType.FLOAT16) : result];
};

/** `weight - offset` in int8 (ascend-ops, section 8.2). */
export const lowerWeightQuant: Lower = (lowering) => {
  const { build } = lowering;
  const [weight, offset] = [0, 1].map((i) => build.cast(input(lowering, i), DataType.INT32)) as [Value, Value];
  return [build.op('Cast', [build.op('Sub', [weight, offset])], { to: DataType.INT8 })];
};

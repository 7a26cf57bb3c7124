/** The modules that the networks of Stable Diffusion are made of, each in a scope of its name, as PyTorch exports them. */

import { numberTensor } from '../author/number-tensor.ts';
import { DataType } from '../ir/data-type.ts';
import type { Value } from '../ir/value.ts';
import type { Network } from './network.ts';

/** Geometry of {@link conv}. */
export interface ConvGeometry {
  /** Height and width of the kernel; default 3. */
  readonly kernel?: number;
  readonly stride?: number;
}

/** `Conv2d`: [B, C, H, W] to `channels`; padded so that height and width change by the stride only. */
export function conv(
  net: Network,
  name: string,
  x: Value,
  channels: number,
  { kernel = 3, stride = 1 }: ConvGeometry = {},
): Value {
  return net.module(name, () => {
    const weight = net.parameter('weight', [channels, net.dim(x, 1), kernel, kernel]);
    const bias = net.parameter('bias', [channels]);
    const pad = (kernel - 1) / 2;
    return net.builder.conv(x, weight, bias, { pads: [pad, pad, pad, pad], strides: [stride, stride] });
  });
}

/**
 * `Linear`: the last dimension to `features`. Matrices take a Gemm, which reads the weight as it is stored; anything of
 * more dimensions a MatMul.
 */
export function linear(net: Network, name: string, x: Value, features: number, { bias = true } = {}): Value {
  return net.module(name, () => {
    const { builder } = net;
    const shape = [features, net.dim(x, -1)] as const;
    if (net.dims(x).length === 2) {
      const weight = net.parameter('weight', shape);
      return builder.gemm(x, weight, bias ? net.parameter('bias', [features]) : undefined, { transB: true });
    }
    const y = builder.matmul(x, net.transposed('weight', shape));
    return bias ? builder.add(net.parameter('bias', [features]), y) : y;
  });
}

/** `LayerNorm` over the last dimension, written out: one operator of its own came with opset 17. */
export function layerNorm(net: Network, name: string, x: Value, epsilon = 1e-5): Value {
  return net.module(name, () => {
    const { builder } = net;
    const features = net.dim(x, -1);
    const centred = builder.sub(x, builder.reduceMean(x, [-1]));
    const variance = builder.reduceMean(builder.pow(centred, 2), [-1]);
    const normal = builder.div(centred, builder.sqrt(builder.add(variance, epsilon)));
    const scaled = builder.mul(normal, net.parameter('weight', [features]));
    return builder.add(scaled, net.parameter('bias', [features]));
  });
}

/** What {@link groupNorm} is told. */
export interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/** `GroupNorm` of [B, C, H, W], as the normalization of instances that are groups of channels. */
export function groupNorm(net: Network, name: string, x: Value, { groups, epsilon }: GroupNormOptions): Value {
  return net.module(name, () => {
    const { builder, dataType } = net;
    const channels = net.dim(x, 1);
    const grouped = builder.reshape(x, [0, groups, -1]);
    const ones = builder.constant(
      numberTensor(
        dataType,
        Array.from({ length: groups }, () => 1),
      ),
    );
    const zeros = builder.constant(
      numberTensor(
        dataType,
        Array.from({ length: groups }, () => 0),
      ),
    );
    const normal = builder.instanceNormalization(grouped, ones, zeros, epsilon);
    const back = builder.reshape(normal, builder.shapeOf(x));
    const scaled = builder.mul(back, net.parameter('weight', [channels], [channels, 1, 1]));
    return builder.add(scaled, net.parameter('bias', [channels], [channels, 1, 1]));
  });
}

/** `SiLU`: x * sigmoid(x). */
export function silu(net: Network, name: string, x: Value): Value {
  return net.module(name, () => net.builder.mul(x, net.builder.sigmoid(x)));
}

/** x * (1 + erf(x / sqrt 2)) / 2, in the scope around. */
export function gelu({ builder }: Network, x: Value): Value {
  const sum = builder.add(builder.erf(builder.div(x, Math.SQRT2)), 1);
  return builder.mul(builder.mul(x, sum), 0.5);
}

/** x * sigmoid(1.702 x), in the scope around. */
export function quickGelu({ builder }: Network, x: Value): Value {
  return builder.mul(x, builder.sigmoid(builder.mul(x, 1.702)));
}

/** `nearest` interpolation to twice the height and width, in the scope around. */
export function doubleSize({ builder }: Network, x: Value): Value {
  return builder.enlarge(x, [1, 1, 2, 2]);
}

/** [B, L, C] with `heads` heads to [B * heads, L, C / heads]. */
export function splitHeads(net: Network, x: Value, heads: number): Value {
  const { builder } = net;
  const [batch = 0, length = 0, features = 0] = net.dims(x);
  const width = features / heads;
  const apart = builder.transpose(builder.reshape(x, [batch, length, heads, width]), [0, 2, 1, 3]);
  return builder.reshape(apart, [batch * heads, length, width]);
}

/** [B * heads, L, C / heads] back to [B, L, C]. */
export function joinHeads(net: Network, x: Value, heads: number): Value {
  const { builder } = net;
  const [rows = 0, length = 0, width = 0] = net.dims(x);
  const apart = builder.reshape(x, [rows / heads, heads, length, width]);
  return builder.reshape(builder.transpose(apart, [0, 2, 1, 3]), [rows / heads, length, heads * width]);
}

/** What {@link attend} is told. */
export interface AttendOptions {
  /** Computes the scores in float32, also in a graph of float16. */
  readonly upcast?: boolean;
}

/** softmax(q kᵀ / sqrt(d)) v of [N, Lq, d], [N, Lk, d] and [N, Lk, d]. */
export function attend(net: Network, q: Value, k: Value, v: Value, { upcast = false }: AttendOptions = {}): Value {
  const { builder } = net;
  const wide = (value: Value): Value => (upcast ? builder.cast(value, DataType.FLOAT) : value);
  const [queries, keys] = [wide(q), wide(k)];
  const scores = builder.matmul(queries, builder.transpose(keys, [0, 2, 1]));
  const scaled = builder.mul(scores, net.dim(q, -1) ** -0.5);
  // The exporter adds zeros of the size of the scores here.
  builder.skipName('Constant');
  const weights = builder.softmax(scaled, 3);
  return builder.matmul(net.narrow(weights), v);
}

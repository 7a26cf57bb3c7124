import { numberTensor } from '../author/number-tensor.ts';
import { SdgraphError } from '../errors.ts';
import { DataType } from '../ir/data-type.ts';
import type { Value } from '../ir/value.ts';
import type { UNetConfig } from './config-unet.ts';
import { linear, silu } from './modules.ts';
import type { Network } from './network.ts';

/** Slice takes this for the end of an axis, however long. */
const END = 2n ** 63n - 1n;

/** The longest period of the sines, in timesteps. */
const LONGEST = 10_000;

/**
 * The embedding of a timestep [1] for each of `samples`: sines and cosines of it at many frequencies, through two linear
 * layers. [samples, 4 * width of the first level].
 */
export function timeEmbedding(net: Network, timestep: Value, samples: number, config: UNetConfig): Value {
  const { builder } = net;
  const width = config.blockOutChannels[0] ?? 0;
  const each = builder.expand(timestep, [samples]);
  const waves = net.module('time_proj', () => sinusoids(net, each, width, config));
  const narrow = net.narrow(waves);
  return net.module('time_embedding', () => {
    const hidden = silu(net, 'act', linear(net, 'linear_1', narrow, 4 * width));
    return linear(net, 'linear_2', hidden, 4 * width);
  });
}

/** In float32 whatever the type of the graph is: half precision does not hold the products of timestep and frequency. */
function sinusoids(
  { builder }: Network,
  timesteps: Value,
  width: number,
  { flipSinToCos, freqShift }: UNetConfig,
): Value {
  const half = width / 2;
  const column = builder.cast(builder.unsqueeze(timesteps, [1]), DataType.FLOAT);
  const angles = builder.mul(
    column,
    builder.constant(numberTensor(DataType.FLOAT, frequencies(half, freqShift), [1, half])),
  );
  const waves = builder.concat([builder.sin(angles), builder.cos(angles)], -1);
  if (!flipSinToCos) return waves;
  const part = (start: number, end: number | bigint): Value => {
    const axes = builder.int64([1]);
    return builder.slice(waves, {
      axes,
      starts: builder.int64([start]),
      ends: builder.int64([end]),
      steps: builder.int64([1]),
    });
  };
  return builder.concat([part(half, END), part(0, half)], -1);
}

/** exp(-ln(10000) i / (half - shift)), rounded to float32 after each operation as PyTorch computes it. */
function frequencies(half: number, shift: number): number[] {
  const divisor = Math.fround(half - shift);
  if (divisor <= 0) {
    throw new SdgraphError(
      'E_CHECKPOINT_CONFIG',
      'the configuration has a value that is not supported',
      { name: 'freq_shift' },
      { expected: `below ${half}, half the width of the time embedding`, found: `${shift}` },
    );
  }
  const decay = Math.fround(-Math.log(LONGEST));
  return Array.from({ length: half }, (_, i) => Math.fround(Math.exp(Math.fround(Math.fround(decay * i) / divisor))));
}

import type { FlagSpecs, FlagValues } from './command.ts';
import { usageError } from './errors.ts';

/** Largest id that a device can have. */
const MAX_DEVICE = 255;

/** Flags of commands that run one model. */
export const SESSION_FLAGS = {
  device: { kind: 'number', value: 'ID', describe: 'the NPU that runs compiled models', default: 0 },
  threads: {
    kind: 'number',
    value: 'N',
    describe: 'threads of onnxruntime for .onnx models; 0 lets it choose',
    default: 0,
  },
} as const satisfies FlagSpecs;

/**
 * What those flags say.
 *
 * @throws SdgraphError `E_USAGE` for a device that cannot be
 */
export function sessionOptions({ device, threads }: FlagValues<typeof SESSION_FLAGS>): {
  readonly device: number;
  readonly threads: number;
} {
  if (device > MAX_DEVICE) {
    throw usageError('there is no such device', { expected: `0 to ${MAX_DEVICE}`, found: String(device) });
  }
  return { device, threads };
}

import { SdgraphError } from '../src/errors.ts';
import type { Pass } from '../src/rewrite/pass.ts';
import { type FaSoc, loadTarget, type Target, targetForFaSoc } from '../src/targets/index.ts';
import { eliminateUnused } from './eliminate-unused.ts';
import { fasterGelu } from './faster-gelu.ts';
import { fuseFlashAttention } from './fuse-flash-attention.ts';
import { insertTome } from './insert-tome.ts';
import { int32Timestep } from './int32-timestep.ts';
import { removeZeroAdd } from './remove-zero-add.ts';
import { splitSlices } from './split-slices.ts';
import type { TomeIndexSource } from './tome/indices.ts';

/** The profile whose token merging and gated GELU are used when nobody names one: that of upstream's first target. */
const DEFAULT_TARGET = 'ascend310p-aie-7.0';

/** What upstream's script takes, and what sdgraph adds to it. */
export interface ModifyOnnxOptions {
  /** Flavour of flash attention. Default: that of `target`; none where no target is given. */
  readonly faSoc?: 'None' | FaSoc;
  /** Number of blocks in which tokens are merged. Default 0. */
  readonly tome?: number;
  /** Fuse GEGLU into one operator; lossy. Default false. */
  readonly fasterGelu?: boolean;
  /** The target profile, or the name of a built-in one. Default: that of `faSoc`. */
  readonly target?: string | Target;
  /** Seed of the destination tokens. Default 0. */
  readonly seed?: number;
  /** Destination tokens in place of random ones. */
  readonly indices?: TomeIndexSource;
}

/**
 * The passes of upstream's `modify_onnx.py`, in its order.
 *
 * ```ts
 * await pipeline(modifyOnnx({ faSoc: 'Duo', tome: 5 })).run(model);
 * ```
 *
 * @throws SdgraphError `E_TARGET` for an unknown target, or one without the operators that are asked for;
 * `E_PASS_OPTION` for options that no pass takes or that contradict each other
 */
export function modifyOnnx(options: ModifyOnnxOptions = {}): readonly Pass[] {
  const { faSoc, tome = 0, fasterGelu: gelu = false, seed = 0, indices } = options;
  const target = profileFor(options);
  const fuses = faSoc === undefined ? options.target !== undefined : faSoc !== 'None';
  return [
    removeZeroAdd(),
    ...(fuses ? [fuseFlashAttention({ target })] : []),
    ...(tome === 0 ? [] : [insertTome({ count: tome, target, seed, ...(indices === undefined ? {} : { indices }) })]),
    int32Timestep(),
    ...(gelu ? [fasterGelu({ target })] : []),
    splitSlices(),
    eliminateUnused(),
  ];
}

function profileFor({ faSoc, target }: ModifyOnnxOptions): Target {
  const wanted = faSoc === undefined || faSoc === 'None' ? undefined : targetForFaSoc(faSoc);
  const given = typeof target === 'string' ? loadTarget(target) : target;
  if (wanted !== undefined && given !== undefined && given.faSoc !== faSoc) {
    throw new SdgraphError(
      'E_PASS_OPTION',
      'the flash-attention flavour and the target contradict each other',
      {},
      {
        expected: `the target ${wanted.name} for ${faSoc}`,
        found: given.name,
        hint: 'give the target alone; its flash attention is used unless the flavour is None',
      },
    );
  }
  return given ?? wanted ?? loadTarget(DEFAULT_TARGET);
}

import { printable, SdgraphError } from '../src/errors.ts';
import type { Pass, PassFactory } from '../src/rewrite/pass.ts';
import { loadTarget } from '../src/targets/index.ts';
import { nearest } from '../src/targets/nearest.ts';
import { deduplicateInitializers } from './deduplicate-initializers.ts';
import { eliminateIdentity } from './eliminate-identity.ts';
import { eliminateUnused } from './eliminate-unused.ts';
import { fasterGelu } from './faster-gelu.ts';
import { foldShapes } from './fold-shapes.ts';
import { fuseFlashAttention } from './fuse-flash-attention.ts';
import { insertTome } from './insert-tome.ts';
import { int32Timestep } from './int32-timestep.ts';
import { lowerPluginOps } from './lower-plugin-ops.ts';
import { removeZeroAdd } from './remove-zero-add.ts';
import { sortTopologically } from './sort-topologically.ts';
import { splitSlices } from './split-slices.ts';
import { readTomeIndices } from './tome/indices.ts';

/** A factory whose options are known only at run time. */
export type AnyPassFactory = PassFactory<Record<string, unknown>>;

/** Every pass by its name, in alphabetical order. */
export const PASSES: ReadonlyMap<string, AnyPassFactory> = new Map(
  [
    deduplicateInitializers,
    eliminateIdentity,
    eliminateUnused,
    fasterGelu,
    foldShapes,
    fuseFlashAttention,
    insertTome,
    int32Timestep,
    lowerPluginOps,
    removeZeroAdd,
    sortTopologically,
    splitSlices,
    // Options that are set by name are checked there, see makePass.
  ].map((factory) => [factory.passName, factory as unknown as AnyPassFactory]),
);

/**
 * The factory of that name.
 *
 * @throws SdgraphError `E_PASS_UNKNOWN` with the names there are
 */
export function passNamed(name: string): AnyPassFactory {
  const factory = PASSES.get(name);
  if (factory !== undefined) return factory;
  const near = nearest(name, PASSES.keys());
  throw new SdgraphError(
    'E_PASS_UNKNOWN',
    `there is no pass '${printable(name)}'`,
    {},
    {
      expected: `one of ${[...PASSES.keys()].join(', ')}`,
      ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
    },
  );
}

/**
 * Makes a pass from options as text, as a command line has them: numbers and `true`/`false` are read where the default
 * is a number or a switch, `target` is the name of a profile, `indices` is `corner` or a file. Values that are no text
 * are taken as they are.
 *
 * @throws SdgraphError `E_PASS_UNKNOWN`, `E_PASS_OPTION` for options that the pass does not have or values that it does
 * not take
 */
export function makePass(name: string, settings: ReadonlyMap<string, unknown> = new Map()): Pass {
  const factory = passNamed(name);
  const defaults = new Map(Object.entries(factory.defaults));
  const options: Record<string, unknown> = {};
  for (const [option, value] of settings) {
    if (!defaults.has(option)) throw unknownOption(name, option, defaults.keys());
    options[option] = typeof value === 'string' ? readOption(name, option, value, defaults.get(option)) : value;
  }
  return factory(options);
}

function unknownOption(pass: string, option: string, known: Iterable<string>): SdgraphError {
  const options = [...known];
  const near = nearest(option, options);
  return new SdgraphError(
    'E_PASS_OPTION',
    `the pass has no option '${printable(option)}'`,
    { pass },
    {
      expected: options.length === 0 ? 'none' : `one of ${options.join(', ')}`,
      ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
    },
  );
}

function readOption(pass: string, option: string, text: string, fallback: unknown): unknown {
  if (option === 'target') return loadTarget(text);
  if (option === 'indices') return text === 'corner' ? { kind: 'corner' } : readTomeIndices(text);
  // An option without default is a name.
  const expected = fallback === undefined ? 'string' : typeof fallback;
  if (expected === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
  } else if (expected === 'number') {
    if (/^-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?$/iu.test(text)) return Number(text);
  } else if (expected === 'string') {
    return text;
  }
  throw new SdgraphError(
    'E_PASS_OPTION',
    `the option ${option} does not take that value`,
    { pass },
    {
      expected: expected === 'boolean' ? 'true or false' : expected === 'number' ? 'a number' : 'a value from code',
      found: `'${printable(text)}'`,
    },
  );
}

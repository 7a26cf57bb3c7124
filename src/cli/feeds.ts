import { printable } from '../errors.ts';
import type { FeedOptions } from '../runtime/feeds.ts';
import type { FlagSpecs, FlagValues } from './command.ts';
import { usageError } from './errors.ts';

/** Flags of every command that makes inputs for models. */
export const FEED_FLAGS = {
  seed: { kind: 'number', value: 'N', describe: 'seed of random inputs', default: 0 },
  inputs: { kind: 'text', value: 'DIR', describe: 'take inputs from NAME.npy in this folder where they are there' },
  dim: { kind: 'list', value: 'NAME=N', describe: 'extent of a symbolic dimension; repeatable' },
  shape: {
    kind: 'list',
    value: 'NAME=N,N,...',
    describe: 'shape of an input whose dimensions are open; repeatable',
  },
} as const satisfies FlagSpecs;

/**
 * What those flags say.
 *
 * @throws SdgraphError `E_USAGE`
 */
export function feedOptions(flags: FlagValues<typeof FEED_FLAGS>): Omit<FeedOptions, 'open'> {
  return {
    seed: flags.seed,
    ...(flags.inputs === undefined ? {} : { inputs: flags.inputs }),
    dims: settings('--dim', flags.dim, /^[1-9]\d{0,8}$/u, 'NAME=N, with N from 1 on', Number),
    shapes: settings(
      '--shape',
      flags.shape,
      /^(?:[1-9]\d{0,8}(?:,[1-9]\d{0,8}){0,15})$/u,
      'NAME=N,N,..., with numbers from 1 on',
      (text) => text.split(',').map(Number),
    ),
  };
}

/** Reads `NAME=VALUE` for each setting; a name may hold `=`, a value cannot. */
function settings<T>(
  flag: string,
  texts: readonly string[],
  pattern: RegExp,
  expected: string,
  read: (text: string) => T,
): Map<string, T> {
  const found = new Map<string, T>();
  for (const text of texts) {
    const at = text.lastIndexOf('=');
    const [name, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
    if (name === '' || !pattern.test(value)) {
      throw usageError(`${flag} does not take that`, { expected, found: `'${printable(text)}'` });
    }
    if (found.has(name)) throw usageError(`${flag} is given twice for '${printable(name)}'`, { hint: 'give it once' });
    found.set(name, read(value));
  }
  return found;
}

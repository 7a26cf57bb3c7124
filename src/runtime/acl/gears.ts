import { SdgraphError } from '../../errors.ts';
import type { SessionPort, SessionTensor } from '../session.ts';

/** The sizes that a model was compiled for. */
export interface Gears {
  readonly kind: 'batch' | 'image' | 'dims';
  /** The batch; height and width; or the extents of all inputs, one after the other. */
  readonly values: readonly (readonly number[])[];
}

/** One of them. */
export interface Gear {
  readonly kind: Gears['kind'];
  readonly value: readonly number[];
}

const NAMES: Readonly<Record<Gears['kind'], string>> = {
  batch: 'a batch of',
  image: 'height,width of',
  dims: 'extents',
};

/**
 * The gear whose sizes the feeds have.
 *
 * @param feeds one for each input, in their order; their fixed extents fit
 * @param file the model, as errors call it
 * @throws SdgraphError `E_SESSION_FEED` when no gear has these sizes, or when inputs ask for different gears
 */
export function chooseGear(
  gears: Gears,
  inputs: readonly SessionPort[],
  feeds: readonly SessionTensor[],
  file: string,
): Gear {
  const found = gears.kind === 'dims' ? feeds.flatMap(({ dims }) => dims) : openExtents(gears, inputs, feeds, file);
  const value = gears.values.find((each) => each.length === found.length && each.every((dim, i) => dim === found[i]));
  if (value !== undefined) return { kind: gears.kind, value };
  throw gearError(file, gears, found.join(','));
}

/** The extents that every input with open ones has: of all images the same height and width, for example. */
function openExtents(
  gears: Gears,
  inputs: readonly SessionPort[],
  feeds: readonly SessionTensor[],
  file: string,
): readonly number[] {
  const all = inputs.flatMap(({ shape }, i) => {
    const open = shape.flatMap((dim, axis) => (typeof dim === 'number' ? [] : [feeds[i]?.dims[axis] ?? 0]));
    return open.length === 0 ? [] : [open];
  });
  const [first = []] = all;
  const other = all.find((each) => each.join(',') !== first.join(','));
  if (other === undefined) return first;
  throw gearError(file, gears, `${first.join(',')} for one input and ${other.join(',')} for another`);
}

function gearError(file: string, { kind, values }: Gears, found: string): SdgraphError {
  const expected = `${NAMES[kind]} ${values.map((value) => value.join(',')).join(' or ')}`;
  const reason = 'the model was not compiled for inputs of these sizes';
  return new SdgraphError('E_SESSION_FEED', reason, { file }, { expected, found });
}

import type { Model } from '../../src/ir/model.ts';
import type { TomeIndexSource } from './indices.ts';
import type { Latents } from './latents.ts';

/** What {@link recordTome} writes down. */
export interface TomeRecord {
  readonly seed: number;
  readonly indices: TomeIndexSource | undefined;
  readonly patternPerBlock: boolean;
  readonly latents: Latents;
  readonly blocks: number;
}

const KEY = 'sdgraph.tome';

/**
 * Writes into the metadata of the model how its token lists came about, as JSON under `sdgraph.tome`; a further run on
 * the same model under `sdgraph.tome.2` and so on.
 */
export function recordTome(model: Model, { seed, indices, patternPerBlock, latents, blocks }: TomeRecord): void {
  const source = indices ?? { kind: 'random', seed };
  const drawn =
    source.kind === 'random' ? { generator: 'numpy-legacy-mt19937', seed: source.seed, patternPerBlock } : {};
  const { height, width } = latents;
  const text = JSON.stringify({ pattern: source.kind, ...drawn, height, width, blocks });
  let key = KEY;
  for (let run = 2; model.metadata.has(key); run++) key = `${KEY}.${run}`;
  model.setMetadata(key, text);
}

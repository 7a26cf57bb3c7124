import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deduplicateInitializers } from '../../passes/deduplicate-initializers.ts';
import { eliminateIdentity } from '../../passes/eliminate-identity.ts';
import { eliminateUnused } from '../../passes/eliminate-unused.ts';
import { foldShapes } from '../../passes/fold-shapes.ts';
import { removeZeroAdd } from '../../passes/remove-zero-add.ts';
import { sortTopologically } from '../../passes/sort-topologically.ts';
import { splitSlices } from '../../passes/split-slices.ts';
import { saveBytes } from '../../src/io/save.ts';
import type { Model } from '../../src/ir/model.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { anonymize } from '../support/anonymize.ts';
import { applyPass, listing, reopened } from '../support/apply-pass.ts';
import { arbProgram, randomFeeds, randomModel } from '../support/random-graphs.ts';
import { runModel } from '../support/run-model.ts';

const PASSES = [
  removeZeroAdd,
  splitSlices,
  foldShapes,
  eliminateIdentity,
  deduplicateInitializers,
  eliminateUnused,
  sortTopologically,
].map((factory) => [factory.passName, factory()] as const);

/** Results with and without the branch, as text: without the sign of zero, which a zero addition changes. */
async function numbers(model: Model): Promise<string[]> {
  const results: string[] = [];
  for (const flag of [true, false]) {
    for (const [name, { dims, data }] of await runModel(model, randomFeeds(flag))) {
      results.push(`${name} [${dims.join()}] ${data.map((value) => value + 0).join()}`);
    }
  }
  return results;
}

describe('on random graphs', () => {
  test.each(PASSES)('%s keeps the numbers, and a second run changes nothing', async (_, pass) => {
    let applied = 0;
    await fc.assert(
      fc.asyncProperty(arbProgram(), async (program) => {
        const model = await reopened(randomModel(program));
        const before = await numbers(model);
        const report = await applyPass(model, pass);
        if (report.changed) applied++;
        const bytes = await saveBytes(model);
        if (report.changed) expect(await numbers(model)).toEqual(before);
        expect(await applyPass(model, pass)).toMatchObject({ changed: false });
        const again = await reopened(model);
        expect(await applyPass(again, pass)).toMatchObject({ changed: false });
        expect(await saveBytes(again)).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
    if (pass !== PASSES.at(-1)?.[1]) expect(applied).toBeGreaterThan(0);
  });

  test('names and the order of nodes decide nothing', async () => {
    const applied = async (model: Model): Promise<number[]> => {
      const { passes } = await pipeline(PASSES.map(([, pass]) => pass)).run(model);
      return passes.map(({ sites }) => sites.filter(({ status }) => status === 'applied').length);
    };
    await fc.assert(
      fc.asyncProperty(arbProgram(20), fc.nat(), async (program, seed) => {
        const other = randomModel(program);
        anonymize(other, seed);
        expect(await applied(await reopened(other))).toEqual(await applied(randomModel(program)));
      }),
      { numRuns: 60 },
    );
  });

  test('all of them together keep the numbers, and any twice in a row is as good as once', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbProgram(20),
        fc.shuffledSubarray(
          PASSES.map(([, pass]) => pass),
          { minLength: 2 },
        ),
        async (program, passes) => {
          const model = await reopened(randomModel(program));
          const other = await reopened(randomModel(program));
          const before = await numbers(model);
          await pipeline(passes).run(model);
          expect(await numbers(await reopened(model))).toEqual(before);
          await pipeline(passes.flatMap((pass) => [pass, pass])).run(other);
          expect(listing(other)).toEqual(listing(model));
        },
      ),
      { numRuns: 60 },
    );
  });
});

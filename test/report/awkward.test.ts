import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SdgraphError } from '../../src/errors.ts';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { diffModels } from '../../src/report/diff.ts';
import { inspectModel } from '../../src/report/inspect.ts';
import { smallModel } from '../support/small-model.ts';

const folder = join(import.meta.dirname, '../../fixtures/awkward-wire');
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
/** Models whose types no protobuf parser reads. */
const isRefused = (name: string): boolean => name.endsWith('-of-ten-bytes.onnx');

describe('awkward models', () => {
  test.each(files.filter((name) => !isRefused(name)))('%s is summarized, and the same as itself', async (name) => {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    const [a, b] = [await openModel(bytes), await openModel(bytes)];
    const summary = inspectModel(a);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(diffModels(a, b).differences).toEqual([]);
  });

  test.each(files.filter(isRefused))('%s is refused with a code', async (name) => {
    const model = await openModel(new Uint8Array(readFileSync(join(folder, name))));
    expect(() => inspectModel(model)).toThrow(expect.objectContaining({ code: 'E_NOT_ONNX' }) as Error);
  });
});

test('a damaged model is summarized and compared, or refused with a code', async () => {
  const whole = await saveBytes(smallModel());
  const reference = await openModel(whole);
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      const bytes = whole.slice();
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const model = await openModel(bytes);
        inspectModel(model);
        diffModels(reference, model);
      } catch (error) {
        if (!(error instanceof SdgraphError) || error.code === 'E_INTERNAL') throw error;
      }
    }),
    { numRuns: 500 },
  );
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fuseFlashAttention } from '../../passes/fuse-flash-attention.ts';
import { lowerPluginOps } from '../../passes/lower-plugin-ops.ts';
import { openModel } from '../../src/io/open.ts';
import { findViolations } from '../../src/ir/invariants.ts';
import { countSites } from '../../src/rewrite/report.ts';
import { applyPass, reasons } from '../support/apply-pass.ts';
import { type AttentionForm, attentionForm, relaxed } from '../support/attention-forms.ts';
import { expectSameResults } from '../support/same-results.ts';

const TARGETS = ['ascend310p-aie-7.0', 'ascend910b-aie-7.0', 'ascend310p-cann-8.1'] as const;
const A2 = 'ascend910b-aie-7.0';

const form: fc.Arbitrary<AttentionForm> = fc
  .record({
    opset: fc.constantFrom(11, 13, 17),
    batch: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    qLength: fc.integer({ min: 1, max: 6 }),
    kvLength: fc.integer({ min: 1, max: 6 }),
    headDim: fc.integer({ min: 1, max: 6 }),
    rank: fc.constantFrom<3 | 4>(3, 4),
    q: fc.constantFrom('split', 'given'),
    k: fc.constantFrom('split', 'given'),
    v: fc.constantFrom('split', 'given'),
    kT: fc.constantFrom('transpose', 'folded', 'by rows', 'given'),
    scale: fc.constantFrom(0.5, 0.37, 1),
    scaling: fc.constantFrom(
      'none',
      'scores * c',
      'c * scores',
      'scores / c',
      'q',
      'kT',
      'sqrt on q and kT',
      'computed sqrt on q and kT',
      'projection',
    ),
    zeros: fc.constantFrom('none', 'constant', 'scalar', 'first', 'filled', 'filled times zero'),
    upcast: fc.boolean(),
    castWeights: fc.boolean(),
    merged: fc.boolean(),
    self: fc.boolean(),
    negativeAxis: fc.boolean(),
    constants: fc.constantFrom('nodes', 'initializers'),
  } satisfies { [K in keyof AttentionForm]: fc.Arbitrary<AttentionForm[K]> })
  .map((each) => ({ ...each, kvLength: each.self ? each.qLength : each.kvLength }));

test.each(TARGETS)('every form of attention computes the same after fusing for %s', async (name) => {
  await fc.assert(
    fc.asyncProperty(form, async (drawn) => {
      // The A2 operator always scales by 1/sqrt(D).
      const scale = name === A2 ? 1 / Math.sqrt(drawn.headDim) : drawn.scale;
      const isScaled = drawn.scaling !== 'none' && (drawn.scaling !== 'projection' || drawn.q === 'split');
      fc.pre(name !== A2 || isScaled || drawn.headDim === 1);
      const before = attentionForm({ ...drawn, scale });
      const after = attentionForm({ ...drawn, scale });
      const report = await applyPass(after, fuseFlashAttention({ target: relaxed(name) }));
      expect(reasons(report)).toEqual([expect.stringContaining('applied')]);
      expect([...after.graph.nodesOf('Softmax')]).toEqual([]);
      expect(findViolations(after, { order: true })).toEqual([]);
      expect(countSites((await applyPass(after, lowerPluginOps())).sites).applied).toBe(1);
      await expectSameResults(before, after, 1e-5);
    }),
    { numRuns: 150 },
  );
});

test.each([
  ['sd15', TARGETS[0]],
  ['sd15', A2],
  ['sd21', TARGETS[0]],
  ['sd21', TARGETS[2]],
])('a small %s UNet of real depth computes the same after fusing for %s', async (fixture, target) => {
  const file = new URL(`../../fixtures/torch-export/${fixture}/unet.onnx.gz`, import.meta.url);
  const bytes = new Uint8Array(gunzipSync(readFileSync(file)));
  const [before, after] = [await openModel(bytes), await openModel(bytes)];
  const report = await applyPass(after, fuseFlashAttention({ target: relaxed(target) }));
  expect(countSites(report.sites)).toEqual({ applied: 32, present: 0, skipped: 0, refused: 0 });
  expect(countSites((await applyPass(after, lowerPluginOps())).sites).applied).toBe(32);
  await expectSameResults(before, after, 1e-4);
});

import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { modifyOnnx } from '../../passes/index.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { constantInts, int64Tensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import type { Value } from '../../src/ir/value.ts';
import { bypass } from '../../src/rewrite/edit.ts';
import type { Pass } from '../../src/rewrite/pass.ts';
import { definePass } from '../../src/rewrite/pass.ts';
import { bisectPasses } from '../../src/verify/bisect-passes.ts';
import { type VerifyReport, verifyModels } from '../../src/verify/verify.ts';
import { tempDir } from '../support/temp-dir.ts';
import { rewrite, tinyTarget, writeTinyUnet } from '../support/tiny-unets.ts';

let folder: string;
let unet: string;

beforeEach(() => {
  folder = tempDir();
  unet = writeTinyUnet(folder);
});

/** Lets a TomeUnmerge put source tokens one place further. */
function rotateTokens(node: Node): void {
  const [, list] = node.inputs;
  const numbers = constantInts(list) ?? [];
  const { dims } = (list as Value).initializer as Tensor;
  const rotated = numbers.map((_, i) => numbers[(i + 1) % numbers.length] ?? 0n);
  node.setInput(1, node.graph.addInitializer(int64Tensor(rotated, dims, 'rotated')));
}

function nodesOf(model: Model, opType: string): Node[] {
  return [...model.graph.nodesOf(opType)];
}

/** Rewrites the UNet for Duo, makes a mistake, and compares. */
async function spoiled(mistake: (model: Model) => void): Promise<VerifyReport> {
  const passes = modifyOnnx({ target: await tinyTarget('tiny-310p') });
  const out = await rewrite(unet, join(folder, 'out.onnx'), passes, mistake);
  return verifyModels(unet, out, { bisect: true });
}

/** The third attention: mistakes are made in the middle, where values before it agree. */
const SPOILED = 2;

describe('a rewrite that is wrong is caught, and the place is named', () => {
  test('the scale is left out', async () => {
    let at: Node | undefined;
    const report = await spoiled((model) => {
      at = nodesOf(model, 'FlashAttentionTik')[SPOILED];
      let scale = at?.inputs[0]?.producer;
      while (scale !== undefined && scale.opType !== 'Mul') scale = scale.inputs[0]?.producer;
      bypass(scale as Node);
    });
    expectNamed(report, at);
  });

  test('k and v are swapped', async () => {
    let at: Node | undefined;
    const report = await spoiled((model) => {
      // Self-attention: in cross-attention the shapes agree just as well.
      at = nodesOf(model, 'FlashAttentionTik')[SPOILED] as Node;
      const [, k, v] = at.inputs;
      at.setInput(1, v);
      at.setInput(2, k);
    });
    expectNamed(report, at);
  });

  test('v comes from another layer', async () => {
    let at: Node | undefined;
    const report = await spoiled((model) => {
      const all = nodesOf(model, 'FlashAttentionTik');
      at = all[SPOILED];
      expect(at?.inputs[2]).not.toBe(all[0]?.inputs[2]);
      at?.setInput(2, all[0]?.inputs[2]);
    });
    expectNamed(report, at);
  });

  test('a softmax runs over another axis', async () => {
    let at: Node | undefined;
    const out = await rewrite(unet, join(folder, 'out.onnx'), modifyOnnx(), (model) => {
      at = nodesOf(model, 'Softmax')[SPOILED] as Node;
      at.setAttribute(Attribute.int('axis', 1));
    });
    expectNamed(await verifyModels(unet, out, { bisect: true }), at);
  });

  test('token lists of merging are off by one: against the right merge, which loses the same', async () => {
    const passes = modifyOnnx({ faSoc: 'None', tome: 1, target: await tinyTarget('tiny-310p') });
    const right = await rewrite(unet, join(folder, 'right.onnx'), passes);
    const wrong = await rewrite(unet, join(folder, 'wrong.onnx'), passes, (model) => {
      rotateTokens(nodesOf(model, 'TomeUnmerge')[0] as Node);
    });
    const report = await verifyModels(right, wrong, { bisect: true });
    expect(report).toMatchObject({ ok: false, preset: 'exact' });
    expect(report.departure?.opType).toBe('TomeUnmerge');
  });

  test('token lists of merging are off by one everywhere: the loss itself is too large', async () => {
    const passes = modifyOnnx({ faSoc: 'None', tome: 5, target: await tinyTarget('tiny-310p') });
    const wrong = await rewrite(unet, join(folder, 'wrong.onnx'), passes, (model) => {
      for (const node of nodesOf(model, 'TomeUnmerge')) rotateTokens(node);
    });
    expect(await verifyModels(unet, wrong)).toMatchObject({ ok: false, preset: 'tome' });
  });
});

function expectNamed(report: VerifyReport, at: Node | undefined): void {
  expect(report.ok).toBe(false);
  expect(report.departure?.suspects.map(({ node }) => node)).toContain(at?.name);
  expect(report.departure?.agreeing).toBeGreaterThan(0);
  // The value that departs is the first behind the mistake: little stands between it and what agrees.
  expect(report.departure?.suspects.length).toBeLessThan(12);
}

describe('the first pass after which a model departs', () => {
  const spoil = definePass({
    name: 'spoil',
    summary: 'Makes a mistake',
    defaults: {},
    run({ model, report }) {
      const [node] = model.graph.nodesOf('FlashAttentionTik');
      if (node === undefined) return;
      const [, k, v] = node.inputs;
      node.setInput(1, v);
      node.setInput(2, k);
      report.applied(node, 'k and v swapped');
    },
  });

  test('is named', async () => {
    const [zeros, fuse, ...rest] = modifyOnnx({ target: await tinyTarget('tiny-310p') }) as [Pass, Pass, ...Pass[]];
    const found = await bisectPasses(unet, [zeros, fuse, spoil(), ...rest]);
    expect(found).toMatchObject({ pass: 'spoil', index: 2, preset: 'exact', outputs: [{ name: 'sample' }] });
  });

  test('is nobody when all is well', async () => {
    expect(await bisectPasses(unet, modifyOnnx({ target: await tinyTarget('tiny-310p') }))).toBeUndefined();
  });

  test('throws what a pass throws', async () => {
    const passes = modifyOnnx({ faSoc: 'Duo' });
    await expect(bisectPasses(unet, passes)).rejects.toMatchObject({ code: 'E_REWRITE_MISSING' });
  });
});

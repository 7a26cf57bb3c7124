import { describe, expect, test } from 'vitest';
import { type ModifyOnnxOptions, modifyOnnx } from '../../passes/presets.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { smallModel } from '../support/small-model.ts';

const ALWAYS = ['remove-zero-add', 'int32-timestep', 'split-slices', 'eliminate-unused'];

const names = (options: ModifyOnnxOptions): string[] => modifyOnnx(options).map(({ name }) => name);

describe("upstream's recipe", () => {
  test.each([
    { options: {}, extra: [] },
    { options: { faSoc: 'None' as const }, extra: [] },
    { options: { faSoc: 'A2' as const }, extra: ['fuse-flash-attention'] },
    { options: { tome: 5 }, extra: ['insert-tome'] },
    { options: { fasterGelu: true }, extra: ['faster-gelu'] },
    { options: { target: 'ascend310p-cann-8.1' }, extra: ['fuse-flash-attention'] },
    { options: { target: 'ascend310p-cann-8.1', faSoc: 'None' as const, tome: 1 }, extra: ['insert-tome'] },
    { options: { target: loadTarget('ascend910b-aie-7.0'), faSoc: 'A2' as const }, extra: ['fuse-flash-attention'] },
  ])('$options adds $extra', ({ options, extra }) => {
    expect(new Set(names(options))).toEqual(new Set([...ALWAYS, ...extra]));
  });

  test("is in upstream's order", () => {
    expect(names({ faSoc: 'Duo', tome: 5, fasterGelu: true })).toEqual([
      'remove-zero-add',
      'fuse-flash-attention',
      'insert-tome',
      'int32-timestep',
      'faster-gelu',
      'split-slices',
      'eliminate-unused',
    ]);
  });

  test.each([
    { options: { target: 'nothing' }, code: 'E_TARGET' },
    { options: { faSoc: 'duo' as 'Duo' }, code: 'E_TARGET' },
    { options: { faSoc: 'Duo' as const, target: 'ascend910b-aie-7.0' }, code: 'E_PASS_OPTION' },
    { options: { tome: -1 }, code: 'E_PASS_OPTION' },
    { options: { tome: 1.5 }, code: 'E_PASS_OPTION' },
    { options: { tome: 1, seed: -1 }, code: 'E_PASS_OPTION' },
  ])('refuses $options', ({ options, code }) => {
    expect(() => modifyOnnx(options)).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('does its work', async () => {
    const model = smallModel();
    const { changed, nodes } = await pipeline(modifyOnnx()).run(model);
    expect({ changed, nodes }).toEqual({ changed: true, nodes: { before: 7, after: 5 } });
    expect([...model.graph.nodes].map(({ opType }) => opType)).toEqual(['Cast', 'Mul', 'MatMul', 'Split', 'Mul']);
  });
});

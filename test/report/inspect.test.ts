import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { floatTensor, stringTensor } from '../../src/ir/constants.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { inspectModel } from '../../src/report/inspect.ts';
import { buildModel } from '../support/model-builder.ts';
import { smallModel, writeExternalModel } from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

describe('a summary', () => {
  test('has inputs, outputs and operators', () => {
    const summary = inspectModel(smallModel());
    expect(summary.inputs).toEqual([
      { name: 'latent_model_input', type: 'float32[1,4,8,8]', shape: [1, 4, 8, 8], hasDefault: false },
      { name: 't', type: 'int64[1]', shape: [1], hasDefault: false },
    ]);
    expect(summary.outputs.map(({ name }) => name)).toEqual(['sample']);
    expect(summary.operators.map(({ operator, nodes }) => [operator, nodes])).toEqual([
      ['Mul', 2],
      ['Slice', 2],
      ['Add', 1],
      ['Cast', 1],
      ['MatMul', 1],
    ]);
    expect(summary).toMatchObject({ nodes: 7, opsets: [{ domain: '', version: 11 }], conflicts: [] });
  });

  test('tells where operators come from', async () => {
    const model = buildModel(11, (graph) => {
      const x = graph.input('x', [1, 4]);
      graph.op('FindMax', [x]);
      graph.op('TomeMerge', [x]);
      graph.op('Relu', [x]);
      graph.op('Rleu', [x]);
      graph.op('Gelu', [x], { domain: 'com.microsoft' });
    });
    const { operators } = inspectModel(await openModel(await saveBytes(model)));
    expect(operators.map(({ operator, domain, kind }) => [operator, domain, kind])).toEqual([
      ['FindMax', '', 'plugin'],
      ['Gelu', 'com.microsoft', 'custom'],
      ['Relu', '', 'standard'],
      ['Rleu', '', 'custom'],
      ['TomeMerge', '', 'plugin'],
    ]);
  });

  test('shows unknown and symbolic dimensions', () => {
    const model = buildModel(13, (graph) => {
      graph.input('a', ['batch', undefined, 3]);
      graph.input('b', undefined, DataType.FLOAT16);
    });
    expect(inspectModel(model).inputs.map(({ type, shape }) => [type, shape])).toEqual([
      ['float32[batch,?,3]', ['batch', null, 3]],
      ['float16', null],
    ]);
  });

  test('leaves parameters out of the inputs where the format lists them there', () => {
    const model = buildModel(8, (graph) => {
      const weight = graph.floats([1, 2]);
      graph.op('Add', [graph.input('x', [2]), weight]);
    });
    expect(inspectModel(model).inputs.map(({ name }) => name)).toEqual(['x']);
  });

  test('counts bytes by place', async () => {
    using model = await openModel(await writeExternalModel(tempDir()));
    const { weights, parameters } = inspectModel(model);
    expect(weights).toEqual([
      { holder: 'initializer', file: null, tensors: 7, elements: 14, bytes: 32 + 6 * 8 },
      {
        holder: 'initializer',
        file: expect.stringMatching(/^unet\.onnx\.\w{8}\.data$/) as string,
        tensors: 1,
        elements: 512,
        bytes: 2048,
      },
    ]);
    expect(parameters).toEqual({ initializers: 526, attributes: 0 });
  });

  test('counts tensors in attributes, and strings', () => {
    const model = buildModel(13, (graph) => {
      graph.constant(floatTensor([1, 2, 3], [3]));
      graph.constant(stringTensor([Buffer.from('ab'), Buffer.from('c')], [2]));
    });
    const { weights } = inspectModel(model);
    expect(weights).toEqual([{ holder: 'attribute', file: null, tensors: 2, elements: 5, bytes: 12 + 3 }]);
  });
});

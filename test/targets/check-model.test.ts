import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import type { Model } from '../../src/ir/model.ts';
import { checkModel } from '../../src/targets/check-model.ts';
import { loadTarget } from '../../src/targets/index.ts';
import { onnx } from '../../src/wire/generated/onnx.js';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';

function attention(headDim: number): Model {
  return buildModel(11, (graph) => {
    const q = graph.input('q', [1, 2, 16, headDim]);
    graph.output(graph.op('FlashAttentionTik', [q, q, q]), [1, 2, 16, headDim]);
  });
}

function rules(model: Model, target?: string): string[] {
  return checkModel(model, target === undefined ? {} : { target }).map(({ rule }) => rule);
}

describe('rules of ONNX and of a target in one list', () => {
  test('without a target only those of ONNX', () => {
    expect(rules(attention(96))).not.toContain('target-limit');
  });

  test('a target by name or as a profile', () => {
    expect(rules(attention(96), 'ascend310p-aie-7.0')).toContain('target-limit');
    expect(checkModel(attention(96), { target: loadTarget('ascend310p-aie-7.0') })).toEqual(
      checkModel(attention(96), { target: 'ascend310p-aie-7.0' }),
    );
    expect(rules(attention(64), 'ascend310p-aie-7.0')).not.toContain('target-limit');
    expectError('E_TARGET', () => rules(attention(64), 'nothing'));
  });

  test('a circle is found with a target, too', async () => {
    const node = { op_type: 'Relu', input: ['x'], output: ['x'] };
    const proto = { ir_version: 8, opset_import: [{ version: 13 }], graph: { name: 'g', node: [node] } };
    const model = await openModel(onnx.ModelProto.encode(proto as never).finish());
    expect(rules(model, 'ascend310p-aie-7.0')).toContain('cycle');
  });
});

import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { formatType } from '../../src/ir/type.ts';
import { annotateShapes } from '../../src/schema/annotate.ts';
import { buildModel } from '../support/model-builder.ts';

describe('annotateShapes', () => {
  test('writes types that survive saving, also in subgraphs', async () => {
    const model = buildModel(21, (graph) => {
      const x = graph.input('x', ['N', 4]);
      const hidden = graph.op('Transpose', [x], { outputs: ['hidden'] });
      const choice = graph.branch(
        graph.input('c', [], DataType.BOOL),
        (inner) => inner.op('Relu', [hidden], { outputs: ['inside'] }),
        (inner) => inner.op('Identity', [inner.op('Neg', [hidden], { outputs: ['deeper'] })]),
      );
      graph.output(choice);
    });
    expect(annotateShapes(model)).toBe(5);
    const saved = await openModel(await saveBytes(model));
    const texts = [...saved.graph.scopes()].flatMap((scope) => [...scope.values()].map(String));
    expect(texts).toContain('hidden: float32[4,N]');
    expect(texts).toContain('deeper: float32[4,N]');
    expect(formatType(saved.graph.outputs[0]?.type)).toBe('float32[4,N]');
  });

  test('changes nothing that is stated, and nothing the second time', () => {
    const model = buildModel(21, (graph) => {
      const y = graph.op('Relu', [graph.input('x', [2, 'N'])], { outputs: ['y'] });
      y.setType({ kind: 'tensor', elemType: DataType.FLOAT, shape: [2, 7] });
      graph.output(graph.op('Relu', [y]), [2, 'M']);
    });
    const { revision } = model;
    expect(annotateShapes(model)).toBe(0);
    expect(model.revision).toBe(revision);
  });

  test('leaves out what is not known', () => {
    const model = buildModel(21, (graph) => {
      graph.output(graph.op('Mystery', [graph.input('x', [2])], { domain: 'example.org', outputs: ['y'] }), []);
      graph.op('Mystery', [graph.input('z', [2])], { domain: 'example.org', outputs: ['w'] });
    });
    expect(annotateShapes(model)).toBe(0);
    expect(model.graph.value('w')?.info).toBeUndefined();
  });
});

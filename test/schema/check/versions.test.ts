import { describe, expect, test } from 'vitest';
import { findingsOf, floatsProto, long, node, rulesOf, type Sample, tensorInfo } from '../../support/sample-model.ts';

/** The sample in another IR version and opset, without what the older ones do not have. */
const old = (ir: number, opset: number) => (parts: Sample) => {
  const { proto, graph, add, weight } = parts;
  proto.ir_version = long(ir);
  proto.opset_import = ir < 3 ? [] : [{ domain: '', version: long(opset) }];
  proto.functions = [];
  proto.metadata_props = [];
  graph.node = [{ ...add, op_type: 'Sum' }];
  graph.input = [tensorInfo('x', 1, [1, 4]), tensorInfo('w', 1, [1, 4])];
  graph.output = [tensorInfo('h', 1, [1, 4])];
  graph.initializer = [weight];
};

describe('IR versions', () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 7],
    [4, 9],
    [6, 11],
    [8, 17],
    [10, 21],
    [13, 26],
  ])('IR version %i with opset %i is sound', async (ir, opset) => {
    expect(await rulesOf(old(ir, opset))).toEqual([]);
  });

  test.each([
    [3, 9, 'at most 8 with IR version 3'],
    [6, 12, 'at most 11 with IR version 6'],
    [9, 21, 'at most 20 with IR version 9'],
  ])('IR version %i with opset %i is a warning', async (ir, opset, expected) => {
    expect(await findingsOf(old(ir, opset))).toEqual([
      expect.objectContaining({ rule: 'opset-newer-than-ir', severity: 'warning', expected }),
    ]);
  });
});

describe('features', () => {
  const tensor = (type: number) => ({ ...floatsProto('t', [0], []), data_type: type });
  test.each([
    ['bfloat16', 16, 4],
    ['float8e4m3fn', 17, 9],
    ['int4', 22, 10],
    ['float4e2m1', 23, 11],
    ['float8e8m0', 24, 12],
    ['int2', 26, 13],
  ])('tensors of %s', async (name, type, since) => {
    const at = (ir: number) => async (): Promise<string[]> => {
      const findings = await findingsOf((parts) => {
        old(ir, ir === 3 ? 7 : 9)(parts);
        parts.graph.initializer.push(tensor(type));
        if (ir < 4) parts.graph.input.push(tensorInfo('t', type, [0]));
      });
      return findings.map(({ message }) => message);
    };
    expect(await at(since - 1)()).toContain(`tensors of ${name} exist since IR version ${since}`);
    expect(await at(since)()).toEqual([]);
  });

  test('overloads', async () => {
    const overloaded =
      (ir: number) =>
      ({ proto, callee, call }: Sample) => {
        proto.ir_version = long(ir);
        callee.overload = 'wide';
        call.overload = 'wide';
      };
    expect(await rulesOf(overloaded(8))).toEqual(['feature-newer-than-ir']);
    expect(await rulesOf(overloaded(10))).toEqual([]);
  });
});

describe('imports', () => {
  test('ai.onnx is the standard domain, for the import and for nodes', async () => {
    expect(
      await rulesOf(({ proto, add }) => {
        proto.opset_import = [
          { domain: 'ai.onnx', version: long(17) },
          { domain: 'my.domain', version: long(1) },
        ];
        add.domain = 'ai.onnx';
      }),
    ).toEqual([]);
  });

  test('those of the model do not reach into a function, and the other way round', async () => {
    expect(await rulesOf(({ callee }) => (callee.opset_import = []))).toContain('domain-not-imported');
    expect(
      await rulesOf(({ callee }) => {
        callee.opset_import?.push({ domain: 'other.domain', version: long(1) });
        callee.node.push({ ...node('Thing', ['v'], ['t']), domain: 'other.domain' });
      }),
    ).toEqual(['unknown-custom-operator']);
  });

  test('a version beyond what readers hold is an error, in any domain', async () => {
    const findings = await findingsOf(({ proto }) => {
      proto.opset_import?.push({ domain: 'big.domain', version: long(2 ** 40) });
    });
    expect(findings).toEqual([expect.objectContaining({ rule: 'opset-invalid', found: `${2 ** 40}` })]);
  });
});

import * as fc from 'fast-check';
import { onnx } from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import { encode } from '../support/awkward-encoding.ts';
import { buildModel, type GraphBuilder } from '../support/model-builder.ts';
import { decodedByProtobufjs } from '../support/protobuf-oracle.ts';
import { realModels } from '../support/real-models.ts';
import { runModel } from '../support/run-model.ts';
import { structureOfModel } from '../support/structure.ts';
import { arbModelItems } from '../support/wire-arbitraries.ts';

/** Edits every node of every scope in some way. */
function editAll(model: Model): void {
  for (const graph of model.scopes()) {
    for (const node of graph.nodes) {
      node.name = model.nodeNames.fresh('edited');
      node.setAttribute(Attribute.ints('ints', [-1, 2 ** 40]));
      graph.insert({ opType: 'Identity', inputs: [node.inputs[0]], name: 'new' }, { before: node });
    }
    if (graph.kind !== 'function') graph.addInitializer(floatTensor([1, 2], [2], 'new'));
  }
}

describe('other readers take what we write', () => {
  test('onnx-proto, which knows ONNX as of IR version 8', async () => {
    const { model } = sample();
    const decoded = onnx.ModelProto.decode(await saveBytes(model));
    const names = decoded.graph?.node?.map(({ opType, input, output }) => [opType, input, output]);
    const [main] = structureOfModel(model);
    expect(names).toEqual(main?.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]));
    expect(decoded.graph?.initializer?.map(({ name }) => name)).toEqual(
      model.graph.initializers.map(({ name }) => name),
    );
    expect(Number(decoded.irVersion)).toBe(8);
    expect(decoded.opsetImport?.map(({ version }) => Number(version))).toEqual([17]);
    expect(onnx.ModelProto.verify(decoded)).toBeNull();
  });

  test('onnx-proto and protobufjs with our schema, for any model after edits', async () => {
    await fc.assert(
      fc.asyncProperty(arbModelItems, async (items) => {
        // In the normal encoding: onnx-proto's reader believes every wire type.
        const bytes = encode(items, { quirks: [], rate: 0, seed: 0, widestHeader: 1 });
        const model = await openModel(bytes);
        editAll(model);
        const saved = await saveBytes(model);
        const nodes = Array.from(model.graph.nodes, ({ opType }) => opType);
        const graph = decodedByProtobufjs(saved)['graph'] as { node?: { op_type?: string }[] };
        expect(graph.node?.map((node) => node.op_type ?? '') ?? []).toEqual(nodes);
        const decoded = onnx.ModelProto.decode(saved).graph;
        expect(decoded?.node?.map(({ opType }) => opType)).toEqual(nodes);
        const extras = decoded?.node?.map(({ attribute }) => attribute?.at(-1)).filter((each) => each?.name === 'ints');
        for (const each of extras ?? []) expect(each?.ints?.map(Number)).toEqual([-1, 2 ** 40]);
      }),
      { numRuns: 200 },
    );
  });

  test('onnxruntime, with subgraphs, new constants and renamed values', async () => {
    const { model } = sample();
    const feeds = { x: new ort.Tensor('float32', [1, -2], [2]), flag: new ort.Tensor('bool', [true], []) };
    const before = await runModel(model, feeds);
    expect(before.get('y')?.data).toEqual([11, 10]);
    const again = await openModel(await saveBytes(model));
    for (const graph of again.scopes()) {
      for (const value of [...graph.values()]) {
        if (!value.isGraphInput && !value.isGraphOutput) value.name = again.valueNames.fresh('renamed');
      }
      for (const node of graph.nodes) node.name = again.nodeNames.fresh(`${node.opType}/é`);
    }
    const added = again.graph.addInitializer(floatTensor([5], [1]));
    const y = again.graph.outputs[0];
    const sum = again.graph.insert({ opType: 'Add', inputs: [y, added], outputs: ['z'] });
    again.graph.addOutput(sum.output(), { kind: 'tensor', elemType: 1, shape: [2] });
    const after = await runModel(again, feeds);
    expect(after.get('y')).toEqual(before.get('y'));
    expect(after.get('z')?.data).toEqual([16, 15]);
  });

  test('onnxruntime, a model of an exporter after edits', async () => {
    const [real] = realModels();
    const model = await openModel(real?.bytes ?? new Uint8Array(0));
    const feeds = Object.fromEntries(
      model.graph.inputs.map(({ name, shape }) => {
        const dims = shape?.map((dim) => (typeof dim === 'number' ? dim : 1)) ?? [];
        const count = dims.reduce((product, dim) => product * dim, 1);
        return [name, new ort.Tensor('int64', new BigInt64Array(count).fill(3n), dims)];
      }),
    );
    const before = await runModel(model, feeds);
    for (const node of model.graph.nodes) node.name = `renamed/${node.name}`;
    for (const value of model.graph.initializers) value.name = `${value.name}.renamed`;
    expect(await runModel(model, feeds)).toEqual(before);
  });
});

/** `y = flag ? Relu(x) + 10 : x`, with the numbers in branches. */
function sample(): { model: Model } {
  const model = buildModel(17, (g) => {
    const x = g.input('x', [2]);
    const then = (inner: GraphBuilder) => inner.op('Add', [inner.op('Relu', [x]), inner.floats([10])]);
    const otherwise = (inner: GraphBuilder) => inner.op('Identity', [x]);
    g.output(g.op('Identity', [g.branch(g.input('flag', [], 9), then, otherwise)], { outputs: ['y'] }), [2]);
  });
  return { model };
}

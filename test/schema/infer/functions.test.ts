import Long from 'long';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../../src/io/open.ts';
import { saveBytes } from '../../../src/io/save.ts';
import { formatType } from '../../../src/ir/type.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { onnx } from '../../../src/wire/generated/onnx.js';
import { parseType } from '../../support/infer-op.ts';
import { buildModel } from '../../support/model-builder.ts';

type NodeProto = onnx.NodeProto.$Properties;
type FunctionProto = onnx.FunctionProto.$Properties;
type AttributeProto = onnx.AttributeProto.$Properties;

const { INT, FLOAT, FLOATS } = onnx.AttributeProto.AttributeType;
const DOMAIN = 'local';

const node = (op: string, input: string[], output: string[], attribute: AttributeProto[] = []): NodeProto => ({
  op_type: op,
  input,
  output,
  attribute,
  domain: op.startsWith('f') ? DOMAIN : '',
});

const int = (name: string, i: number): AttributeProto => ({ name, type: INT, i: Long.fromNumber(i) });
const ref = (name: string, refAttrName: string): AttributeProto => ({ name, type: INT, ref_attr_name: refAttrName });

const local = (name: string, body: NodeProto[], more: FunctionProto = {}): FunctionProto => ({
  name,
  domain: DOMAIN,
  input: ['x'],
  output: ['y'],
  node: body,
  opset_import: [
    { domain: '', version: Long.fromNumber(21) },
    { domain: DOMAIN, version: Long.fromNumber(1) },
  ],
  ...more,
});

/** Opens a model with inputs of these types, these nodes and functions. */
async function modelOf(inputs: readonly string[], nodes: NodeProto[], functions: FunctionProto[]) {
  const base = buildModel(21, (graph) => {
    for (const [i, type] of inputs.entries()) {
      const { elemType, shape } = parseType(type);
      graph.input(`x${i}`, shape, elemType);
    }
  });
  const proto = onnx.ModelProto.decode(await saveBytes(base));
  proto.opset_import = [...(proto.opset_import ?? []), { domain: DOMAIN, version: Long.fromNumber(1) }];
  const graph = { ...proto.graph, node: nodes };
  const { ir_version, opset_import } = proto;
  return openModel(onnx.ModelProto.encode({ ir_version, opset_import, graph, functions }).finish());
}

/** Types of values by name, in the main graph or, where it has none of the name, in the first function. */
async function typesOf(names: readonly string[], ...parts: Parameters<typeof modelOf>): Promise<string[]> {
  const model = await modelOf(...parts);
  const inferred = inferShapes(model);
  expect(inferred.conflicts.map(({ message }) => message)).toEqual([]);
  return names.map((name) =>
    formatType(inferred.type(model.graph.value(name) ?? model.functions[0]?.body.value(name))),
  );
}

const flatten = local('fFlatten', [node('Flatten', ['x'], ['y'], [ref('axis', 'at')])], {
  attribute_proto: [int('at', 2)],
});

describe('calls of local functions', () => {
  test('are inferred through the body, each with its own inputs', async () => {
    const nodes = [node('fTurn', ['x0'], ['a']), node('fTurn', ['x1'], ['b'])];
    const turn = local('fTurn', [node('Transpose', ['x'], ['y'])]);
    expect(await typesOf(['a', 'b', 'y'], ['float32[2,N]', 'float16[3,4]'], nodes, [turn])).toEqual([
      'float32[N,2]',
      'float16[4,3]',
      'type 0[?,?]',
    ]);
  });

  test('tell the body what all calls have in common', async () => {
    const nodes = [node('fTurn', ['x0'], ['a']), node('fTurn', ['x1'], ['b'])];
    const turn = local('fTurn', [node('Transpose', ['x'], ['y'])]);
    expect(await typesOf(['y'], ['float32[2,N]', 'float32[2,4]'], nodes, [turn])).toEqual(['float32[?,2]']);
  });

  test('bind attributes, and use defaults for those left out', async () => {
    const nodes = [node('fFlatten', ['x0'], ['a'], [int('at', 1)]), node('fFlatten', ['x0'], ['b'])];
    expect(await typesOf(['a', 'b'], ['float32[2,3,4]'], nodes, [flatten])).toEqual(['float32[2,12]', 'float32[6,4]']);
  });

  test('pass attributes on to the functions they call', async () => {
    const outer = local('fOuter', [node('fFlatten', ['x'], ['y'], [ref('at', 'where')])], { attribute: ['where'] });
    const nodes = [node('fOuter', ['x0'], ['a'], [int('where', 0)])];
    expect(await typesOf(['a'], ['float32[2,3]'], nodes, [outer, flatten])).toEqual(['float32[1,6]']);
  });

  test('pass shapes that were computed outside', async () => {
    const reshape = local('fShape', [node('Reshape', ['x', 's'], ['y'])], { input: ['x', 's'] });
    const nodes = [node('Shape', ['x1'], ['s']), node('fShape', ['x0', 's'], ['a'])];
    expect(await typesOf(['a'], ['float32[6]', 'int64[N,3]'], nodes, [reshape])).toEqual(['float32[N,3]']);
  });

  test('take the operator set of the function', async () => {
    const old = local('fOld', [node('Squeeze', ['x'], ['y'], [{ name: 'axes', type: 7, ints: [Long.ZERO] }])], {
      opset_import: [{ domain: '', version: Long.fromNumber(11) }],
    });
    expect(await typesOf(['a'], ['float32[1,1,4]'], [node('fOld', ['x0'], ['a'])], [old])).toEqual(['float32[1,4]']);
  });

  test('take the place of a standard operator of the same name', async () => {
    const own = local('Relu', [node('Transpose', ['x'], ['y'])], { domain: '' });
    expect(await typesOf(['a'], ['float32[2,3]'], [node('Relu', ['x0'], ['a'])], [own])).toEqual(['float32[3,2]']);
  });

  test('that are never called are inferred as far as they go', async () => {
    const lonely = local('fLonely', [node('Constant', [], ['y'], [{ name: 'value_float', type: FLOAT, f: 1 }])]);
    expect(await typesOf(['y'], ['float32[2]'], [], [lonely])).toEqual(['float32[]']);
  });
});

describe('functions made to go wrong', () => {
  test('that call themselves end unknown', async () => {
    const loop = local('fLoop', [node('fLoop', ['x'], ['y'])]);
    expect(await typesOf(['a'], ['float32[2]'], [node('fLoop', ['x0'], ['a'])], [loop])).toEqual(['unknown']);
  });

  test('that call each other end unknown', async () => {
    const [ping, pong] = [local('fPing', [node('fPong', ['x'], ['y'])]), local('fPong', [node('fPing', ['x'], ['y'])])];
    expect(await typesOf(['a'], ['float32[2]'], [node('fPing', ['x0'], ['a'])], [ping, pong])).toEqual(['unknown']);
  });

  test('that call on in a chain of thousands do not exhaust the stack', async () => {
    const count = 3000;
    const chain = Array.from({ length: count }, (_, i) =>
      local(`f${i}`, [node(i === count - 1 ? 'Relu' : `f${i + 1}`, ['x'], ['y'])]),
    );
    expect(await typesOf(['a'], ['float32[2]'], [node('f0', ['x0'], ['a'])], chain)).toEqual(['unknown']);
  });

  test('that call the next one twice with other shapes stop when the work explodes', async () => {
    const count = 40;
    const double = (i: number): NodeProto[] => [
      node('Constant', [], ['one'], [{ name: 'value_floats', type: FLOATS, floats: [1] }]),
      node('Concat', ['x', 'x'], ['d'], [int('axis', 0)]),
      node('Concat', ['x', 'x', 'one'], ['t'], [int('axis', 0)]),
      node(`f${i + 1}`, ['d'], ['a']),
      node(`f${i + 1}`, ['t'], ['b']),
      node('Add', ['a', 'b'], ['y']),
    ];
    const tree = Array.from({ length: count }, (_, i) =>
      local(`f${i}`, i === count - 1 ? [node('Relu', ['x'], ['y'])] : double(i)),
    );
    const model = await modelOf(['float32[1]'], [node('f0', ['x0'], ['a'])], tree);
    expect(formatType(inferShapes(model).type(model.graph.value('a')))).toMatch(/^(float32|type 0)$/);
  });
});

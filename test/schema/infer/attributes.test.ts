import Long from 'long';
import { expect, test } from 'vitest';
import { openModel } from '../../../src/io/open.ts';
import { formatType } from '../../../src/ir/type.ts';
import { inferShapes } from '../../../src/schema/infer.ts';
import { onnx } from '../../../src/wire/generated/onnx.js';

const { SPARSE_TENSOR, TYPE_PROTO, STRINGS, FLOAT, INT } = onnx.AttributeProto.AttributeType;

/** Type of the one output of a node with this attribute. */
async function typeOf(op: string, attribute: onnx.AttributeProto.$Properties): Promise<string> {
  const bytes = onnx.ModelProto.encode({
    ir_version: Long.fromNumber(10),
    opset_import: [{ domain: '', version: Long.fromNumber(21) }],
    graph: { name: 'g', node: [{ op_type: op, output: ['y'], attribute: [attribute] }] },
  }).finish();
  const model = await openModel(bytes);
  return formatType(inferShapes(model).type(model.graph.value('y')));
}

test('a sparse constant is read as a tensor', async () => {
  const sparse_tensor = {
    values: { data_type: 1, dims: [Long.ONE], float_data: [5] },
    indices: { data_type: 7, dims: [Long.ONE], int64_data: [Long.fromNumber(4)] },
    dims: [Long.fromNumber(3), Long.fromNumber(4)],
  };
  expect(await typeOf('Constant', { name: 'sparse_value', type: SPARSE_TENSOR, sparse_tensor })).toBe('float32[3,4]');
});

test('an empty optional has the type that its attribute names', async () => {
  const tp = { tensor_type: { elem_type: 1, shape: { dim: [{ dim_value: Long.fromNumber(2) }] } } };
  expect(await typeOf('Optional', { name: 'type', type: TYPE_PROTO, tp })).toBe('optional(float32[2])');
});

test.each([
  { attribute: { name: 'value_float', type: FLOAT, f: 1 }, gives: 'float32[]' },
  { attribute: { name: 'value_int', type: INT, i: Long.ONE }, gives: 'int64[]' },
  { attribute: { name: 'value_strings', type: STRINGS, strings: [new Uint8Array(1)] }, gives: 'string[1]' },
])('a Constant of $attribute.name is $gives', async ({ attribute, gives }) => {
  expect(await typeOf('Constant', attribute)).toBe(gives);
});

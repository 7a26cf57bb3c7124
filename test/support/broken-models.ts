import type { RuleId } from '../../src/schema/check.ts';
import {
  floatAttribute,
  floatsProto,
  graphAttribute,
  intAttribute,
  long,
  node,
  type Sample,
  tensorInfo,
} from './sample-model.ts';

/** How to break the sample so that a rule fires. `also` are rules that cannot but fire with it. */
export interface Breakage {
  readonly rule: RuleId;
  readonly why: string;
  readonly change: (parts: Sample) => void;
  readonly also?: readonly RuleId[];
}

/** A row of the table. */
function row(rule: RuleId, why: string, change: Breakage['change'], ...also: RuleId[]): Breakage {
  return { rule, why, change, also };
}

/** A sparse initializer for `w` in place of the dense one. */
function sparse(parts: Sample, indices: number[], dims: number[], shape = [indices.length]): void {
  const { graph } = parts;
  graph.initializer = [];
  const at = { name: 'at', data_type: 7, dims: shape.map(long), int64_data: indices.map(long) };
  const values = floatsProto('w', [indices.length], indices);
  graph.sparse_initializer = [{ values, indices: at, dims: dims.map(long) }];
}

/** Every rule that a file can break. */
export const BREAKAGES: readonly Breakage[] = [
  // structure
  row('duplicate-name', 'a node computes a graph input', ({ add }) => (add.output[0] = 'x'), 'undefined-name'),
  row('duplicate-name', 'an initializer twice', ({ graph, weight }) => graph.initializer.push(weight)),
  row('shadowed-name', 'a branch computes a name from around it', ({ yes }) => {
    yes.node = [node('Neg', ['h'], ['w'])];
    yes.output = [tensorInfo('w', 1, [1, 4])];
  }),
  row('undefined-name', 'an input that nobody computes', ({ add }) => (add.input[0] = 'nowhere')),
  row('undefined-name', 'an output that nobody computes', ({ graph }) => (graph.output = [tensorInfo('z', 1, [1])])),
  row('cycle', 'a node reads itself', ({ add }) => (add.input[0] = 'h')),
  row('node-order', 'a node before what it reads', ({ graph }) => (graph.node = graph.node.toReversed())),
  row('output-elsewhere', 'a branch gives back a value from around it', ({ yes }) => {
    yes.output = [tensorInfo('h', 1, [1, 4])];
  }),
  row('duplicate-output', 'an output twice', ({ graph }) => graph.output.push(tensorInfo('y', 1, [1, 4]))),
  row('no-outputs', 'nothing comes out', ({ graph }) => graph.output.pop()),
  // names
  row('graph-name-missing', 'no name', ({ graph }) => (graph.name = '')),
  row('value-name-missing', 'an input without name', ({ graph }) => graph.input.push(tensorInfo('', 1, [1]))),
  row('operator-name-missing', 'a node without operator', ({ add }) => (add.op_type = '')),
  row(
    'empty-node',
    'a node with nothing',
    ({ graph }) => graph.node.push(node('Relu', [], [])),
    'input-count',
    'output-count',
  ),
  row('duplicate-node-name', 'two nodes of one name', ({ add, branch }) => (branch.name = add.name ?? null)),
  // versions
  row(
    'ir-version-missing',
    'no IR version',
    ({ proto }) => (proto.ir_version = null),
    'opset-not-allowed',
    'initializer-not-input',
  ),
  row('ir-version-unknown', 'IR version 99', ({ proto }) => (proto.ir_version = long(99))),
  row('opset-missing', 'nothing imported', ({ proto }) => (proto.opset_import = []), 'domain-not-imported'),
  row(
    'opset-not-allowed',
    'imports in IR version 2',
    ({ proto }) => (proto.ir_version = long(2)),
    'feature-newer-than-ir',
    'initializer-not-input',
  ),
  row(
    'opset-invalid',
    'version 0',
    ({ proto }) =>
      (proto.opset_import = [
        { domain: '', version: long(0) },
        { domain: 'my.domain', version: long(1) },
      ]),
    'operator-not-in-opset',
    'function-opset-conflict',
  ),
  row(
    'opset-unknown',
    'version 99',
    ({ proto }) =>
      (proto.opset_import = [
        { domain: '', version: long(99) },
        { domain: 'my.domain', version: long(1) },
      ]),
  ),
  row(
    'opset-newer-than-ir',
    'opset 20 with IR version 8',
    ({ proto }) =>
      (proto.opset_import = [
        { domain: '', version: long(20) },
        { domain: 'my.domain', version: long(1) },
      ]),
  ),
  row(
    'feature-newer-than-ir',
    'a function in IR version 7',
    ({ proto }) => (proto.ir_version = long(7)),
    'opset-newer-than-ir',
  ),
  row('domain-not-imported', 'a domain that is not imported', ({ call }) => (call.domain = 'your.domain')),
  row('duplicate-opset', 'an import twice', ({ proto }) => proto.opset_import?.push({ domain: '', version: long(17) })),
  row('duplicate-metadata', 'a key twice', ({ proto }) => proto.metadata_props?.push({ key: 'made by', value: 'two' })),
  row(
    'initializer-not-input',
    'IR version 3',
    ({ proto }) => (proto.ir_version = long(3)),
    'opset-newer-than-ir',
    'feature-newer-than-ir',
  ),
  // functions
  row('function-name-missing', 'no name', ({ callee }) => (callee.name = ''), 'unknown-custom-operator'),
  row(
    'function-name-missing',
    'no domain',
    ({ callee }) => (callee.domain = null),
    'unknown-custom-operator',
    'function-in-standard-domain',
  ),
  row(
    'duplicate-function',
    'a function twice',
    ({ proto, callee }) => proto.functions?.push(callee),
    'duplicate-node-name',
  ),
  row('duplicate-function-attribute', 'an attribute twice', ({ callee }) => callee.attribute.push('alpha')),
  row('function-recursion', 'a function calls itself', ({ callee }) => {
    callee.node = [{ ...node('Gate', ['u'], ['v'], [floatAttribute('alpha', 1)]), domain: 'my.domain' }];
    callee.opset_import = [{ domain: 'my.domain', version: long(1) }];
  }),
  row('function-depth', 'a chain of 102 calls', ({ proto, callee }) => {
    const opset_import = callee.opset_import ?? [];
    callee.opset_import = [...opset_import, { domain: 'my.domain', version: long(1) }];
    for (let i = 0; i <= 100; i++) {
      const next = {
        ...node(i === 100 ? 'Neg' : `F${i + 1}`, ['u'], ['v']),
        name: `call ${i}`,
        domain: i === 100 ? '' : 'my.domain',
      };
      proto.functions?.push({ ...callee, name: `F${i}`, attribute: [], node: [next] });
    }
    callee.node.unshift({ ...node('F0', ['u'], ['t']), domain: 'my.domain' });
  }),
  row(
    'function-opset-conflict',
    'another LeakyRelu than in the model',
    ({ callee }) => (callee.opset_import = [{ domain: '', version: long(15) }]),
  ),
  row(
    'function-reference',
    'an attribute of nobody',
    ({ callee }) => (callee.attribute = []),
    'function-call-attribute',
  ),
  row('function-call-count', 'more inputs than the function has', ({ call }) => call.input.push('h')),
  row('function-call-attribute', 'an attribute left out', ({ call }) => (call.attribute = [])),
  row('function-in-standard-domain', 'domain ai.onnx', ({ callee, call, proto }) => {
    callee.domain = 'ai.onnx';
    call.domain = 'ai.onnx';
    proto.opset_import?.pop();
  }),
  // operators
  row('unknown-operator', 'a misspelt operator', ({ add }) => (add.op_type = 'Addd')),
  row('unknown-custom-operator', 'another operator of the domain', ({ call }) => (call.op_type = 'Gates')),
  row('operator-not-in-opset', 'Gelu in opset 17', ({ graph }) => graph.node.push(node('Gelu', ['y'], ['g']))),
  row('operator-deprecated', 'Upsample in opset 17', ({ graph }) =>
    graph.node.push(node('Upsample', ['y', 'w'], ['g'])),
  ),
  row('operator-removed', 'Affine', ({ graph }) => graph.node.push(node('Affine', ['y'], ['g']))),
  row('plugin-operator', 'FindMax', ({ graph }) => graph.node.push(node('FindMax', ['y'], ['m', 'n']))),
  row('input-count', 'one input of two', ({ add }) => add.input.pop()),
  row('output-count', 'two outputs of one', ({ add }) => add.output.push('more')),
  row('input-missing', 'the first input left out', ({ add }) => (add.input[0] = '')),
  row('output-missing', 'the output left out', ({ graph }) => graph.node.push(node('Relu', ['y'], ['']))),
  // attributes
  row('attribute-name-missing', 'no name', ({ add }) => add.attribute.push(floatAttribute('', 1))),
  row('duplicate-attribute', 'a branch twice', ({ branch, yes }) => {
    branch.attribute.push(
      graphAttribute('then_branch', {
        ...yes,
        node: [node('Neg', ['h'], ['aa'])],
        output: [tensorInfo('aa', 1, [1, 4])],
      }),
    );
  }),
  row(
    'attribute-untyped',
    'no type',
    ({ callee }) => (callee.node[0] = node('LeakyRelu', ['u'], ['v'], [{ name: 'alpha', f: 1 }])),
  ),
  row(
    'attribute-value',
    'a graph that is not there',
    ({ branch }) => (branch.attribute[0] = { name: 'then_branch', type: 5 }),
  ),
  row('attribute-value', 'two values', ({ graph }) =>
    graph.node.push(node('Elu', ['y'], ['e'], [{ ...floatAttribute('alpha', 1), i: long(1) }])),
  ),
  row('attribute-unknown', 'Add with an axis', ({ add }) => add.attribute.push(intAttribute('axis', 1))),
  row('attribute-missing', 'If without else', ({ branch }) => branch.attribute.pop()),
  row('constant-value', 'no value', ({ graph }) => graph.node.push(node('Constant', [], ['k']))),
  row('constant-value', 'two values', ({ graph }) =>
    graph.node.push(node('Constant', [], ['k'], [intAttribute('value_int', 1), floatAttribute('value_float', 1)])),
  ),
  row('attribute-type', 'alpha as integer', ({ graph }) =>
    graph.node.push(node('Elu', ['y'], ['e'], [intAttribute('alpha', 1)])),
  ),
  // tensors
  row('tensor-type', 'element type 77', ({ weight }) => (weight.data_type = 77)),
  row('tensor-dims', 'a negative dimension', ({ weight }) => (weight.dims = [long(-4)])),
  row('tensor-storage', 'elements in two fields', ({ weight }) => (weight.double_data = [1])),
  row('tensor-storage', 'no elements', ({ weight }) => (weight.float_data = [])),
  row('tensor-storage', 'floats as int64', ({ weight }) => {
    weight.float_data = [];
    weight.int64_data = [1, 2, 3, 4].map(long);
  }),
  row('tensor-size', 'three elements of four', ({ weight }) => weight.float_data?.pop()),
  row('external-data', 'no location', ({ weight }) => {
    weight.float_data = [];
    weight.data_location = 1;
  }),
  row('external-data-unchecked', 'a location, but no folder', ({ weight }) => {
    weight.float_data = [];
    weight.data_location = 1;
    weight.external_data = [{ key: 'location', value: 'weights.bin' }];
  }),
  row('sparse-tensor', 'indices not ascending', (parts) => sparse(parts, [2, 1], [1, 4]), 'type-not-allowed'),
  // types
  row(
    'io-type-missing',
    'an output without shape',
    ({ graph }) => (graph.output = [{ name: 'y', type: { tensor_type: { elem_type: 1 } } }]),
  ),
  row('initializer-type', 'an input of another shape', ({ graph }) => graph.input.push(tensorInfo('w', 1, [1, 5]))),
  row('type-not-allowed', 'a condition that is no bool', ({ graph }) => (graph.input[1] = tensorInfo('c', 1, []))),
  row('type-mismatch', 'float and int64', ({ graph }) => (graph.input[0] = tensorInfo('x', 7, [1, 4]))),
  row('shape-conflict', 'an output of another shape', ({ graph }) => (graph.output = [tensorInfo('y', 1, [2, 4])])),
];

import { type ErrorCode, SdgraphError } from '../../errors.ts';
import { AttributeType } from '../../ir/attribute.ts';
import { type ElementType, elementType, typeName } from '../../ir/data-type.ts';
import type { Graph } from '../../ir/graph.ts';
import type { Node } from '../../ir/node.ts';
import { type DataField, dataFieldSizes, sparseTensorsOf } from '../../ir/raw-fields.ts';
import { SparseTensor } from '../../ir/sparse-tensor.ts';
import type { Tensor } from '../../ir/tensor.ts';
import type { CheckContext } from './context.ts';
import type { About } from './places.ts';
import { checkSparse } from './sparse.ts';

/** Errors about external data that are findings; any other is not about the model. */
const EXTERNAL: ReadonlySet<ErrorCode> = new Set([
  'E_EXTERNAL_ESCAPES',
  'E_EXTERNAL_MISSING',
  'E_EXTERNAL_NOT_FILE',
  'E_EXTERNAL_RANGE',
  'E_FILE_CHANGED',
]);

/** Constants of a graph: type, dimensions, and that the elements are where and as many as they say. */
export function checkInitializers(graph: Graph, context: CheckContext): void {
  for (const value of graph.initializers) {
    const about = { graph, value: value.name };
    const { initializer } = value;
    if (initializer instanceof SparseTensor) checkSparseTensor(initializer, about, context);
    else if (initializer !== undefined) checkTensor(initializer, about, context);
  }
}

/** Tensors in attributes of a node. */
export function checkAttributeTensors(node: Node, context: CheckContext): void {
  for (const { name, type, values, segments, field } of node.attributes) {
    const about = { node, attribute: name };
    for (const tensor of values.tensors ?? []) checkTensor(tensor, about, context);
    if (type !== AttributeType.SPARSE_TENSOR && type !== AttributeType.SPARSE_TENSORS) continue;
    if (field === undefined) continue;
    for (const tensor of sparseTensorsOf(segments)) checkSparseTensor(tensor, about, context);
  }
}

/** External data that nobody could look at, as one finding: whoever opens bytes knows that there is no folder. */
export function reportUnchecked(context: CheckContext): void {
  const { uncheckedTensors: count } = context;
  if (count === 0) return;
  context.report('external-data-unchecked', { path: 'graph' }, 'external data was not looked at', {
    found: `${count} ${count === 1 ? 'tensor' : 'tensors'}`,
    hint: 'open the model from its file',
  });
}

function checkSparseTensor(tensor: SparseTensor, about: About, context: CheckContext): void {
  const sound = [checkTensor(tensor.values, about, context), checkTensor(tensor.indices, about, context, true)];
  // The indices are read, which a tensor of the wrong size cannot be.
  if (sound.every(Boolean)) checkSparse(tensor, about, context);
}

/** One tensor. Returns whether its elements can be read. `optional`: it may be missing altogether. */
function checkTensor(tensor: Tensor, about: About, context: CheckContext, optional = false): boolean {
  if (optional && tensor.dataType === 0 && tensor.dims.length === 0) return true;
  const type = elementType(tensor.dataType);
  if (type === undefined) {
    context.report('tensor-type', about, 'a tensor has no element type or one that does not exist', {
      found: typeName(tensor.dataType),
    });
    return false;
  }
  let count: number;
  try {
    count = tensor.elementCount;
  } catch (error) {
    if (!(error instanceof SdgraphError)) throw error;
    context.report('tensor-dims', about, error.reason, { expected: error.expected, found: error.found });
    return false;
  }
  if (tensor.storage.kind === 'external') return checkExternal(tensor, about, context);
  return tensor.clean || tensor.storage.kind === 'typed'
    ? checkFields(tensor, type, count, about, context)
    : checkMemory(tensor, type, count, about, context);
}

/** A tensor as the file has it: one field, the right one, with as many elements as the dimensions say. */
function checkFields(tensor: Tensor, type: ElementType, count: number, about: About, context: CheckContext): boolean {
  const sizes = dataFieldSizes(tensor.segments);
  const fields = [...sizes.keys()];
  const [field] = fields;
  const expected = `raw_data or ${type.field}`;
  if (fields.length > 1) {
    context.report('tensor-storage', about, 'the elements of a tensor are in several fields', {
      expected: 'one',
      found: fields.join(' and '),
    });
    return false;
  }
  if (field === undefined) {
    if (count === 0) return true;
    context.report('tensor-storage', about, 'a tensor has no elements', { expected: `${count} in ${expected}` });
    return false;
  }
  if (field !== type.field && (field !== 'raw_data' || type.bits === 0)) {
    context.report('tensor-storage', about, 'the elements of a tensor are in a field for another type', {
      expected: type.bits === 0 ? type.field : expected,
      found: `${field} for ${type.name}`,
    });
    return false;
  }
  return checkSize(sizes.get(field) ?? 0, valuesNeeded(type, count, field), field, tensor, about, context);
}

/** How many values of a field hold so many elements. */
function valuesNeeded({ bits, onnx }: ElementType, count: number, field: DataField): number {
  if (field === 'raw_data') return Math.ceil((count * bits) / 8);
  if (onnx.startsWith('COMPLEX')) return count * 2;
  // Elements under 8 bits are packed, a byte to an integer.
  return bits > 0 && bits < 8 ? Math.ceil((count * bits) / 8) : count;
}

/** A tensor that was made or given other contents in memory. */
function checkMemory(tensor: Tensor, type: ElementType, count: number, about: About, context: CheckContext): boolean {
  const { storage } = tensor;
  if (storage.kind === 'raw') {
    const length = storage.span.end - storage.span.start;
    return checkSize(length, valuesNeeded(type, count, 'raw_data'), 'raw_data', tensor, about, context);
  }
  const isText = storage.kind === 'strings';
  if (isText !== (type.bits === 0)) {
    context.report('tensor-storage', about, 'the elements of a tensor are kept as those of another type', {
      expected: type.name,
      found: isText ? 'strings' : 'bytes',
    });
    return false;
  }
  if (isText) return checkSize(storage.values.length, count, 'string_data', tensor, about, context);
  if (storage.kind !== 'memory') return true;
  return checkSize(storage.bytes.length, valuesNeeded(type, count, 'raw_data'), 'raw_data', tensor, about, context);
}

function checkSize(
  found: number,
  needed: number,
  field: DataField,
  tensor: Tensor,
  about: About,
  context: CheckContext,
): boolean {
  if (found === needed) return true;
  const unit = field === 'raw_data' ? 'bytes' : 'values';
  context.report('tensor-size', about, `a tensor holds ${found < needed ? 'less' : 'more'} than it says`, {
    expected: `${needed} ${unit} for ${typeName(tensor.dataType)}[${tensor.dims.join(', ')}]`,
    found: `${found} ${unit} in ${field}`,
  });
  return false;
}

function checkExternal(tensor: Tensor, about: About, context: CheckContext): boolean {
  const { storage } = tensor;
  if (storage.kind !== 'external') return true;
  const location = storage.entries.get('location') ?? '';
  if (location === '') {
    context.report('external-data', about, 'external data has no location');
    return false;
  }
  if (tensor.clean && dataFieldSizes(tensor.segments).size > 0) {
    context.report('tensor-storage', about, 'a tensor has external data and elements in the model');
    return false;
  }
  if (storage.data === undefined) {
    context.uncheckedTensors++;
    return false;
  }
  try {
    const { length } = tensor.externalRange();
    return checkSize(length, tensor.byteLength, 'raw_data', tensor, about, context);
  } catch (error) {
    if (!(error instanceof SdgraphError) || !EXTERNAL.has(error.code)) throw error;
    context.report('external-data', about, error.reason, {
      expected: error.expected,
      found: error.found ?? location,
      hint: error.hint,
    });
    return false;
  }
}

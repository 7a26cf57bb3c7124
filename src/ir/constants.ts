import { type Attribute, AttributeType } from './attribute.ts';
import { DataType, elementType } from './data-type.ts';
import type { Node } from './node.ts';
import { readNumbers } from './numbers.ts';
import { Tensor } from './tensor.ts';
import type { Value } from './value.ts';

/** IR version from which a graph input of the same name may override an initializer (onnx.proto). */
const OVERRIDABLE_SINCE = 4;

/** Most elements that {@link constantNumbers} reads: what patterns look at are scalars, axes and shapes. */
const SMALL = 4096;

/**
 * The constant behind a value, wherever it lives: an initializer, a Constant node, or an Identity of one. Undefined when
 * the value can differ between runs, also for an initializer that a graph input may override.
 */
export function constantOf(value: Value | undefined): Tensor | undefined {
  const seen = new Set<Value>();
  for (let at = value; at !== undefined && !seen.has(at); at = at.producer?.inputs[0]) {
    // A circle of Identity nodes has no end, and no constant.
    seen.add(at);
    const { producer, initializer, graph } = at;
    if (initializer !== undefined) {
      const overridable = at.isGraphInput && graph.model.irVersion >= OVERRIDABLE_SINCE;
      return initializer instanceof Tensor && !overridable ? initializer : undefined;
    }
    if (producer === undefined || !producer.isStandardDomain) return undefined;
    if (producer.opType === 'Constant') return constantOfNode(producer);
    if (producer.opType !== 'Identity') return undefined;
  }
  return undefined;
}

/** What a Constant node holds, in any of its forms except sparse ones. */
export function constantOfNode(node: Node): Tensor | undefined {
  const [attribute] = node.attributes;
  if (attribute === undefined || node.attributes.length !== 1) return undefined;
  return constantOfAttribute(attribute);
}

/** What the attribute of a Constant node holds; undefined for sparse ones and for attributes of an enclosing function. */
export function constantOfAttribute(attribute: Attribute): Tensor | undefined {
  const { values, refAttrName } = attribute;
  if (refAttrName !== '') return undefined;
  switch (attribute.type) {
    case AttributeType.TENSOR:
      return values.tensors?.[0];
    case AttributeType.FLOAT:
      return floatTensor([values.f ?? 0], []);
    case AttributeType.FLOATS:
      return floatTensor(values.floats ?? [], [values.floats?.length ?? 0]);
    case AttributeType.INT:
      return int64Tensor([values.i ?? 0n], []);
    case AttributeType.INTS:
      return int64Tensor(values.ints ?? [], [values.ints?.length ?? 0]);
    case AttributeType.STRING:
      return stringTensor([values.s ?? new Uint8Array(0)], []);
    case AttributeType.STRINGS:
      return stringTensor(values.strings ?? [], [values.strings?.length ?? 0]);
    default:
      return undefined;
  }
}

/** The elements of a small constant of any numeric type as numbers; undefined when it is not constant, not small, or holds integers beyond 2^53. */
export function constantNumbers(value: Value | undefined): readonly number[] | undefined {
  const tensor = constantOf(value);
  if (tensor === undefined || !isReadable(tensor)) return undefined;
  return readNumbers(tensor);
}

/** The one element of a constant scalar (or tensor of one element) as a number. */
export function constantScalar(value: Value | undefined): number | undefined {
  const numbers = constantNumbers(value);
  return numbers?.length === 1 ? numbers[0] : undefined;
}

/** The elements of a small constant int64 or int32 tensor, exact. */
export function constantInts(value: Value | undefined): readonly bigint[] | undefined {
  const tensor = constantOf(value);
  if (tensor === undefined || !isReadable(tensor)) return undefined;
  const bytes = tensor.read();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  if (tensor.dataType === DataType.INT64)
    return Array.from({ length: length / 8 }, (_, i) => view.getBigInt64(i * 8, true));
  if (tensor.dataType === DataType.INT32) {
    return Array.from({ length: length / 4 }, (_, i) => BigInt(view.getInt32(i * 4, true)));
  }
  return undefined;
}

function isReadable({ dataType, dims }: Tensor): boolean {
  const bits = elementType(dataType)?.bits ?? 0;
  const count = dims.reduce((product, dim) => product * dim, 1);
  return bits !== 0 && count <= SMALL && dims.every((dim) => dim >= 0);
}

/** A float32 tensor in memory. */
export function floatTensor(values: readonly number[], dims: readonly number[], name = ''): Tensor {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setFloat32(i * 4, value, true);
  return new Tensor({ name, dataType: DataType.FLOAT, dims, storage: { kind: 'memory', bytes } });
}

/** An int64 tensor in memory. */
export function int64Tensor(values: readonly (number | bigint)[], dims: readonly number[], name = ''): Tensor {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setBigInt64(i * 8, BigInt(value), true);
  return new Tensor({ name, dataType: DataType.INT64, dims, storage: { kind: 'memory', bytes } });
}

/** A string tensor in memory, one UTF-8 byte string an element. */
export function stringTensor(values: readonly Uint8Array[], dims: readonly number[], name = ''): Tensor {
  return new Tensor({ name, dataType: DataType.STRING, dims, storage: { kind: 'strings', values } });
}

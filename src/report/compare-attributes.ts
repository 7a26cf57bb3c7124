import { printable } from '../errors.ts';
import { type Attribute, AttributeType } from '../ir/attribute.ts';
import { typeName } from '../ir/data-type.ts';
import { decodeText } from '../wire/text.ts';
import { compareTensors, type TensorVerdict } from './compare-tensors.ts';

/** Most elements of a list that are shown. */
const SHOWN = 8;

/** Types whose text below says all that there is, once no element is left out. */
const TEXTUAL: ReadonlySet<number> = new Set([
  AttributeType.FLOAT,
  AttributeType.INT,
  AttributeType.STRING,
  AttributeType.FLOATS,
  AttributeType.INTS,
  AttributeType.STRINGS,
]);

/**
 * Compares two attributes of one name. Subgraphs count by number only: their nodes are compared as scopes of their own.
 *
 * @param onBytes told of bytes of tensors that were compared
 */
export function compareAttributes(a: Attribute, b: Attribute, onBytes?: (bytes: number) => void): TensorVerdict {
  const different: TensorVerdict = { kind: 'different', detail: `${attributeText(a)} → ${attributeText(b)}` };
  if (a.type !== b.type) return { kind: 'different', detail: `type ${a.typeName} → ${b.typeName}` };
  if (a.refAttrName !== b.refAttrName) return different;
  if (TEXTUAL.has(a.type)) return exactText(a) === exactText(b) ? { kind: 'same' } : different;
  const [left, right] = [a.values.tensors ?? [], b.values.tensors ?? []];
  if (left.length !== right.length || a.values.graphs?.length !== b.values.graphs?.length) return different;
  let verdict: TensorVerdict = { kind: 'same' };
  for (const [i, tensor] of left.entries()) {
    const found = compareTensors(tensor, right[i] as typeof tensor, onBytes);
    if (found.kind === 'different') return found;
    if (found.kind === 'unknown') verdict = found;
  }
  return left.length > 0 || (a.values.graphs?.length ?? 0) > 0 ? verdict : compareMessages(a, b);
}

/** The value of an attribute in a few words: `2`, `[0, 1]`, `'nearest'`, `float32[2,3] tensor`. */
function attributeText(attribute: Attribute): string {
  const { type, refAttrName, values } = attribute;
  if (refAttrName !== '') return `the function's ${printable(refAttrName)}`;
  switch (type) {
    case AttributeType.INT:
      return String(values.i ?? 0n);
    case AttributeType.FLOAT:
      return floatText(values.f ?? 0);
    case AttributeType.STRING:
      return stringText(values.s ?? new Uint8Array(0));
    case AttributeType.INTS:
      return list(values.ints ?? [], String);
    case AttributeType.FLOATS:
      return list(values.floats ?? [], floatText);
    case AttributeType.STRINGS:
      return list(values.strings ?? [], stringText);
    case AttributeType.TENSOR:
    case AttributeType.TENSORS:
      return list(values.tensors ?? [], ({ dataType, dims }) => `${typeName(dataType)}[${dims.join(',')}] tensor`);
    case AttributeType.GRAPH:
    case AttributeType.GRAPHS:
      return `${values.graphs?.length ?? 0} subgraphs`;
    default:
      return attribute.typeName;
  }
}

/** Text that is equal exactly when the values are. NaNs are all the same here. */
function exactText({ values: { f, i, s, floats = [], ints = [], strings = [] } }: Attribute): string {
  return JSON.stringify([
    floatText(f ?? 0),
    String(i ?? 0n),
    Buffer.from(s ?? []).toString('hex'),
    floats.map(floatText),
    ints.map(String),
    strings.map((text) => Buffer.from(text).toString('hex')),
  ]);
}

/** Attributes of types that have no place in the graph (TypeProto): equal when their messages are. */
function compareMessages(a: Attribute, b: Attribute): TensorVerdict {
  const [left, right] = [a, b].map(({ segments }) =>
    Buffer.concat(segments.map(({ source, start, end }) => source.read(start, end - start))),
  ) as [Buffer, Buffer];
  return left.equals(right) ? { kind: 'same' } : { kind: 'different', detail: `another ${a.typeName}` };
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function stringText(bytes: Uint8Array): string {
  return `'${printable(decodeText(bytes))}'`;
}

function list<T>(items: readonly T[], show: (item: T) => string): string {
  const shown = items.slice(0, SHOWN).map(show);
  return `[${shown.join(', ')}${items.length > SHOWN ? `, … ${items.length} in all` : ''}]`;
}

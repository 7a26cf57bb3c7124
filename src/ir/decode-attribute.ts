import { fieldIds, isKnownField } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import { AttributeType, type AttributeValues } from './attribute.ts';
import type { Graph } from './graph.ts';
import type { Tensor } from './tensor.ts';

const F = fieldIds('AttributeProto');

/** Attributes up to this size are read whole; of larger ones the lists and texts wait until they are asked for. */
const SMALL = 4096;

/** What a look over an AttributeProto tells: texts, single numbers, and where the messages inside are. */
export interface ScannedAttribute {
  readonly name: string;
  readonly refAttrName: string;
  readonly type: number;
  readonly f: number | undefined;
  readonly i: bigint | undefined;
  readonly tensor: readonly Span[];
  readonly graph: readonly Span[];
  readonly tensors: readonly Span[];
  readonly graphs: readonly Span[];
}

/** Looks over the AttributeProto in a span without reading its lists. */
export function scanAttribute(reader: WireReader, { source, start, end }: Span): ScannedAttribute {
  let name = '';
  let refAttrName = '';
  let type = 0;
  let f: number | undefined;
  let i: bigint | undefined;
  let tensor = NO_SPANS;
  let graph = NO_SPANS;
  let tensors = NO_SPANS;
  let graphs = NO_SPANS;
  /** Fields that are there, as bits. */
  let present = 0;
  reader.position = start;
  while (reader.next(end)) {
    const { field: id, wire } = reader;
    if (!isKnownField('AttributeProto', id, wire)) continue;
    present |= 1 << id;
    if (id === F.type) type = reader.int32();
    else if (id === F.i) i = reader.bigint();
    else if (id === F.f) f = reader.float();
    else if (id === F.name) name = reader.string();
    else if (id === F.ref_attr_name) refAttrName = reader.string();
    else if (id === F.t) tensor = append(tensor, { source, start: reader.payload, end: reader.end });
    else if (id === F.g) graph = append(graph, { source, start: reader.payload, end: reader.end });
    else if (id === F.tensors) tensors = append(tensors, { source, start: reader.payload, end: reader.end });
    else if (id === F.graphs) graphs = append(graphs, { source, start: reader.payload, end: reader.end });
  }
  if (type === 0) type = impliedType(present);
  return { name, refAttrName, type, f, i, tensor, graph, tensors, graphs };
}

/** Most attributes hold no message, and then they share this list. */
const NO_SPANS: readonly Span[] = [];

function append(spans: readonly Span[], span: Span): readonly Span[] {
  if (spans === NO_SPANS) return [span];
  (spans as Span[]).push(span);
  return spans;
}

/** The type of an attribute that does not say it, as in models of the first IR versions. */
function impliedType(present: number): number {
  for (const [field, type] of IMPLIED) if ((present & (1 << field)) !== 0) return type;
  return AttributeType.UNDEFINED;
}

const IMPLIED = [
  [F.f, AttributeType.FLOAT],
  [F.i, AttributeType.INT],
  [F.s, AttributeType.STRING],
  [F.t, AttributeType.TENSOR],
  [F.g, AttributeType.GRAPH],
  [F.floats, AttributeType.FLOATS],
  [F.ints, AttributeType.INTS],
  [F.strings, AttributeType.STRINGS],
  [F.tensors, AttributeType.TENSORS],
  [F.graphs, AttributeType.GRAPHS],
] as const;

/** What an attribute holds, given its messages. */
export function attributeValues(
  span: Span,
  { f, i, type }: ScannedAttribute,
  messages: { readonly tensors?: readonly Tensor[]; readonly graphs?: readonly Graph[] },
): AttributeValues {
  const single: { -readonly [K in keyof AttributeValues]: AttributeValues[K] } = { ...messages };
  if (f !== undefined) single.f = f;
  if (i !== undefined) single.i = i;
  const hasLists = messages.graphs === undefined && type !== AttributeType.FLOAT && type !== AttributeType.INT;
  if (!hasLists) return single;
  return span.end - span.start <= SMALL ? Object.assign(single, readLists(span)) : new LateValues(span, single);
}

type Lists = Pick<AttributeValues, 's' | 'floats' | 'ints' | 'strings'>;

/** Values of a large attribute. Millions of integers in a few bytes each must not fill the memory of whoever opens them. */
class LateValues implements AttributeValues {
  readonly f?: number;
  readonly i?: bigint;
  readonly tensors?: readonly Tensor[];
  readonly graphs?: readonly Graph[];
  readonly #span: Span;
  #lists: Lists | undefined;

  constructor(span: Span, single: AttributeValues) {
    Object.assign(this, single);
    this.#span = span;
  }

  get s(): Uint8Array | undefined {
    return this.#late.s;
  }

  get floats(): readonly number[] | undefined {
    return this.#late.floats;
  }

  get ints(): readonly bigint[] | undefined {
    return this.#late.ints;
  }

  get strings(): readonly Uint8Array[] | undefined {
    return this.#late.strings;
  }

  get #late(): Lists {
    this.#lists ??= readLists(this.#span);
    return this.#lists;
  }
}

function readLists({ source, start, end }: Span): Lists {
  const reader = new WireReader(source);
  const lists: { s?: Uint8Array; floats?: number[]; ints?: bigint[]; strings?: Uint8Array[] } = {};
  reader.position = start;
  while (reader.next(end)) {
    const { field: id, wire, end: stop } = reader;
    if (id === F.ints) {
      lists.ints ??= [];
      reader.int64s(lists.ints);
    } else if (id === F.floats) {
      lists.floats ??= [];
      reader.floats(lists.floats);
    } else if (wire === WIRE.bytes && id === F.s) lists.s = reader.bytes();
    else if (wire === WIRE.bytes && id === F.strings) {
      lists.strings ??= [];
      lists.strings.push(reader.bytes());
    }
    reader.position = stop;
  }
  return lists;
}

import { type OmInteger, omInteger } from './header.ts';
import { intOf, isBytes, isVarint, type ProtoField, type ProtoWalk } from './proto.ts';

/** The value of an attribute of a model, operator or tensor. */
export type OmAttributeValue =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'int'; readonly value: OmInteger }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'ints'; readonly value: readonly OmInteger[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'bools'; readonly value: readonly boolean[] }
  | { readonly kind: 'int lists'; readonly value: readonly (readonly OmInteger[])[] }
  /** Bytes, long texts, tensors, graphs: only how many bytes they take. */
  | { readonly kind: 'bytes' | 'other'; readonly value: number };

/** Longest text that is kept as text; what is longer is data. */
const MAX_STRING = 1 << 16;
/** Prefix of an attribute name that stands for an entry of a dictionary. */
const ENCODED = '\u0000';
/** Dictionaries that lead to one another; a circle would not end. */
const MAX_STEPS = 8;

const ENTRY = { key: 1, value: 2 } as const;
const ATTR = { list: 1, s: 2, i: 3, f: 4, b: 5, bt: 7, intLists: 14 } as const;
const LIST = { s: 2, i: 3, f: 4, b: 5, type: 20 } as const;
const LIST_TYPES = ['', 'strings', 'ints', 'floats', 'bools'] as const;

/** An entry of a map of attributes, its value not yet looked at. */
export interface AttributeEntry {
  readonly key: string;
  /** Where the value is; undefined when the entry has none. */
  readonly value: ProtoField | undefined;
}

/** Reads an entry of a map of attributes. */
export function attributeEntry(walk: ProtoWalk, entry: ProtoField): AttributeEntry {
  let key = '';
  let value: ProtoField | undefined;
  for (const field of walk.fields(entry.start, entry.end)) {
    if (!isBytes(field)) continue;
    if (field.id === ENTRY.key) key = walk.text(field);
    else if (field.id === ENTRY.value) value = field;
  }
  return { key, value };
}

/** Reads the value of an attribute. The last member that is set counts, as in every union of protobuf. */
export function attributeValue(walk: ProtoWalk, place: ProtoField | undefined): OmAttributeValue {
  let value: OmAttributeValue = { kind: 'other', value: 0 };
  if (place === undefined) return value;
  for (const field of walk.fields(place.start, place.end)) value = member(walk, field) ?? value;
  return value;
}

function member(walk: ProtoWalk, field: ProtoField): OmAttributeValue | undefined {
  const length = field.end - field.start;
  if (isVarint(field)) {
    if (field.id === ATTR.i) return { kind: 'int', value: omInteger(intOf(field)) };
    return field.id === ATTR.b ? { kind: 'bool', value: intOf(field) !== 0n } : undefined;
  }
  if (field.id === ATTR.f) {
    const floats: number[] = [];
    walk.floats(field, floats);
    return floats[0] === undefined ? undefined : { kind: 'float', value: floats[0] };
  }
  if (!isBytes(field)) return undefined;
  if (field.id === ATTR.s && length <= MAX_STRING) return { kind: 'string', value: walk.text(field) };
  if (field.id === ATTR.s || field.id === ATTR.bt) return { kind: 'bytes', value: length };
  if (field.id === ATTR.list) return list(walk, field);
  if (field.id === ATTR.intLists) return { kind: 'int lists', value: intLists(walk, field) };
  return { kind: 'other', value: length };
}

function list(walk: ProtoWalk, place: ProtoField): OmAttributeValue {
  const strings: string[] = [];
  const ints: bigint[] = [];
  const floats: number[] = [];
  const bools: bigint[] = [];
  let kind: (typeof LIST_TYPES)[number] = '';
  for (const field of walk.fields(place.start, place.end)) {
    if (field.id === LIST.s && isBytes(field)) {
      walk.countElement();
      strings.push(walk.text(field));
    } else if (field.id === LIST.i) walk.ints(field, ints);
    else if (field.id === LIST.f) walk.floats(field, floats);
    else if (field.id === LIST.b) walk.ints(field, bools);
    else if (field.id === LIST.type) kind = LIST_TYPES[field.low] ?? '';
  }
  if (kind === 'strings' || strings.length > 0) return { kind: 'strings', value: strings };
  if (kind === 'ints' || ints.length > 0) return { kind: 'ints', value: ints.map(omInteger) };
  if (kind === 'floats' || floats.length > 0) return { kind: 'floats', value: floats };
  if (kind === 'bools' || bools.length > 0) return { kind: 'bools', value: bools.map((each) => each !== 0n) };
  return { kind: 'other', value: place.end - place.start };
}

/** A list of lists of integers: field 1 repeated, each with field 1 repeated. */
function intLists(walk: ProtoWalk, place: ProtoField): OmInteger[][] {
  const lists: OmInteger[][] = [];
  for (const each of walk.fields(place.start, place.end)) {
    if (each.id !== 1 || !isBytes(each)) continue;
    walk.countElement();
    const ints: bigint[] = [];
    for (const field of walk.fields(each.start, each.end)) if (field.id === 1) walk.ints(field, ints);
    lists.push(ints.map(omInteger));
  }
  return lists;
}

/**
 * The dictionary of a model with compressed attribute names. Names of the attributes of operators and tensors that
 * begin with a NUL stand for an entry; integers may stand for texts. Models of one file share the root's dictionary.
 */
export class AttributeNames {
  readonly #names: readonly string[];
  readonly #values: readonly string[];
  readonly #useValues: readonly boolean[];
  readonly #root: AttributeNames | undefined;
  /** The first name that could not be resolved. */
  unresolved: string | undefined;

  constructor(attributes: ReadonlyMap<string, OmAttributeValue>, root?: AttributeNames) {
    const names = attributes.get('attr_name_enum');
    const values = attributes.get('attr_value_enum');
    const uses = attributes.get('attrs_use_string_value');
    this.#names = names?.kind === 'strings' ? names.value : [];
    this.#values = values?.kind === 'strings' ? values.value : [];
    this.#useValues = uses?.kind === 'bools' ? uses.value : [];
    this.#root = root;
  }

  /** The name that a key stands for: itself unless it is encoded. Keys without an entry stay as they are. */
  name(key: string): string {
    if (!key.startsWith(ENCODED)) return key;
    let name = this.#entry(key);
    for (let step = 0; name?.startsWith(ENCODED) === true && step < MAX_STEPS; step++) {
      name = (this.#root ?? this).#entry(name);
    }
    if (name !== undefined && !name.startsWith(ENCODED)) return name;
    this.unresolved ??= key;
    return key;
  }

  /** The value of an attribute with that key: texts for the integers that stand for them. */
  value(key: string, value: OmAttributeValue): OmAttributeValue {
    const names = this.#entry(key) === undefined ? this.#root : this;
    if (names === undefined || !key.startsWith(ENCODED) || names.#useValues[indexOf(key)] !== true) return value;
    const text = (index: OmInteger): string => names.#values[Number(index)] ?? String(index);
    if (value.kind === 'int') return { kind: 'string', value: text(value.value) };
    if (value.kind === 'ints') return { kind: 'strings', value: value.value.map(text) };
    return value;
  }

  #entry(key: string): string | undefined {
    const own = this.#names[indexOf(key)];
    return own ?? (this.#root === undefined ? undefined : this.#root.#entry(key));
  }
}

/** The entry that an encoded key stands for: digits to base 127, each plus one, lowest first, behind the NUL. */
function indexOf(key: string): number {
  let index = 0;
  let weight = 1;
  for (let at = 1; at < key.length && index < Number.MAX_SAFE_INTEGER; at++) {
    index += (key.charCodeAt(at) - 1) * weight;
    weight *= 127;
  }
  return index;
}

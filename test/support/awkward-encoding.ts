import { field, message, utf8, type Widths, type Wire } from './proto-writer.mjs';

/** One field of a message before it is written: a number, bytes, a message, or the elements of a numeric list. */
export interface Item {
  readonly id: number;
  /** Wire type of one value: 0, 1, 2 or 5. */
  readonly wire: Wire;
  readonly value: bigint | Uint8Array | readonly Item[] | { readonly numbers: readonly (bigint | Uint8Array)[] };
  /** Whether the field is repeated. */
  readonly repeated: boolean;
  /** For a list of numbers: whether its encoders pack it. */
  readonly packed?: boolean;
  /** The oneof that the field belongs to; its members keep their order, because the last one counts. */
  readonly oneof?: string;
}

/** What an encoder may do that no real one does, each without a change of meaning for a protobuf reader. */
export const QUIRKS = [
  'field order',
  'overlong varints',
  'overlong tags and lengths',
  'unknown fields',
  'wrong wire types',
  'split messages',
  'repeated scalars',
  'packing',
] as const;
export type Quirk = (typeof QUIRKS)[number];

/** How to encode: which quirks, how often (0 to 1), and the seed that decides where. */
export interface Encoding {
  readonly quirks: readonly Quirk[];
  readonly rate: number;
  readonly seed: number;
  /** Most bytes a tag or a length may take. Protobuf's own parsers take five; ten is what a varint can hold. */
  readonly widestHeader: number;
}

export function int(id: number, value: bigint | number, repeated = false, oneof?: string): Item {
  return { id, wire: 0, value: BigInt(value), repeated, ...(oneof === undefined ? {} : { oneof }) };
}

export function text(id: number, value: string | Uint8Array, repeated = false, oneof?: string): Item {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return { id, wire: 2, value: bytes, repeated, ...(oneof === undefined ? {} : { oneof }) };
}

export function sub(id: number, value: readonly Item[], repeated = false, oneof?: string): Item {
  return { id, wire: 2, value, repeated, ...(oneof === undefined ? {} : { oneof }) };
}

export function numbers(id: number, wire: Wire, values: readonly (bigint | Uint8Array)[], packed: boolean): Item {
  return { id, wire, value: { numbers: values }, repeated: true, packed };
}

/** The fields of a message, given one by one and in lists. */
export function fields(...parts: readonly (Item | readonly Item[])[]): Item[] {
  return parts.flat();
}

/** Writes a message with the quirks that `encoding` asks for. With none of them: minimal, in the order of the numbers. */
export function encode(items: readonly Item[], encoding: Encoding): Uint8Array {
  return new AwkwardEncoder(encoding).message(items);
}

/** Bytes of one occurrence of a field. Pieces of the same key keep their order. */
interface Piece {
  readonly key: number | string;
  readonly bytes: Uint8Array;
}

/** Where a normal encoder writes a field. The members of a oneof stay together, so that the last one is chosen here. */
function place({ id, oneof }: Item): number {
  return oneof === undefined ? id : 0;
}

/** Numbers that no message of ONNX uses, up to the highest there is. */
const UNUSED = [27, 100, 2047, 2048, 19_500, 536_870_911];
const WIRES: readonly Wire[] = [0, 1, 2, 3, 5];
const MAX_GROUP_DEPTH = 3;

class AwkwardEncoder {
  readonly #encoding: Encoding;
  readonly #quirks: ReadonlySet<Quirk>;
  #state: number;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
    this.#quirks = new Set(encoding.quirks);
    this.#state = encoding.seed >>> 0;
  }

  message(items: readonly Item[]): Uint8Array {
    const pieces: Piece[] = [];
    for (const item of items.toSorted((a, b) => place(a) - place(b))) {
      if (this.#happens('wrong wire types')) pieces.push(this.#mistyped(item));
      pieces.push(...this.#occurrences(item));
    }
    while (this.#happens('unknown fields')) {
      const at = this.#below(pieces.length + 1);
      pieces.splice(at, 0, { key: `unknown ${pieces.length}`, bytes: this.#any(this.#pick(UNUSED), 0) });
    }
    return message((this.#happens('field order') ? this.#shuffled(pieces) : pieces).map(({ bytes }) => bytes));
  }

  #occurrences(item: Item): Piece[] {
    const { id, wire, value, repeated } = item;
    const key = item.oneof ?? id;
    if (value instanceof Uint8Array || typeof value === 'bigint') {
      const piece = { key, bytes: this.#field(id, wire, value) };
      if (repeated || !this.#happens('repeated scalars')) return [piece];
      return [{ key, bytes: this.#any(id, 0, wire) }, piece];
    }
    if ('numbers' in value) return this.#list(item, value.numbers).map((bytes) => ({ key, bytes }));
    const parts = !repeated && this.#happens('split messages') ? this.#cut(value) : [value];
    return parts.map((part) => ({ key, bytes: this.#field(id, 2, this.message(part)) }));
  }

  /** A list of numbers: in one block or one by one as encoders do, or in blocks and single values mixed. */
  #list({ id, wire, packed }: Item, values: readonly (bigint | Uint8Array)[]): Uint8Array[] {
    const block = (part: readonly (bigint | Uint8Array)[]) =>
      this.#field(id, 2, message(part.map((value) => this.#bare(wire, value))));
    if (!this.#happens('packing')) {
      if (packed !== true) return values.map((value) => this.#field(id, wire, value));
      return values.length === 0 ? [] : [block(values)];
    }
    return this.#cut(values).flatMap((part) =>
      this.#below(2) === 0 ? [block(part)] : part.map((value) => this.#field(id, wire, value)),
    );
  }

  /** One value as it lies in a packed block: the field without its tag, which takes one byte for field 1. */
  #bare(wire: Wire, value: bigint | Uint8Array): Uint8Array {
    return field(1, wire, value, { varint: this.#width('overlong varints', 10) }).subarray(1);
  }

  #field(id: number, wire: Wire, value: bigint | Uint8Array): Uint8Array {
    const { widestHeader } = this.#encoding;
    const widths: Widths = {
      tag: this.#width('overlong tags and lengths', widestHeader),
      length: this.#width('overlong tags and lengths', widestHeader),
      varint: this.#width('overlong varints', 10),
    };
    return field(id, wire, value, widths);
  }

  /** A field with a value that means nothing. */
  #any(id: number, depth: number, wire: Wire = this.#pick(depth < MAX_GROUP_DEPTH ? WIRES : [0, 1, 2, 5])): Uint8Array {
    switch (wire) {
      case 0:
        return this.#field(id, 0, (BigInt(this.#below(2 ** 31)) << 33n) | BigInt(this.#below(2 ** 31)));
      case 1:
        return this.#field(id, 1, this.#noise(8));
      case 5:
        return this.#field(id, 5, this.#noise(4));
      case 2:
        return this.#field(id, 2, this.#noise(this.#below(6)));
      case 3: {
        const inner = Array.from({ length: this.#below(4) }, () => this.#any(this.#pick(UNUSED), depth + 1));
        return this.#field(id, 3, message(inner));
      }
      default:
        throw new Error(`there is no wire type ${String(wire)}`);
    }
  }

  /** The number of a field that exists, with a wire type that it does not have: an unknown field to a reader. */
  #mistyped({ id, wire, value, repeated }: Item): Piece {
    const packable = repeated && (wire !== 2 || (typeof value === 'object' && 'numbers' in value));
    const others = WIRES.filter((other) => other !== wire && !(packable && other === 2));
    return { key: `mistyped ${id}`, bytes: this.#any(id, 0, this.#pick(others)) };
  }

  /** The same elements in one to three runs, some of them maybe empty. */
  #cut<T>(values: readonly T[]): (readonly T[])[] {
    const first = this.#below(values.length + 1);
    const second = first + this.#below(values.length + 1 - first);
    const parts = [values.slice(0, first), values.slice(first, second), values.slice(second)];
    return this.#below(2) === 0 ? parts : [values.slice(0, first), values.slice(first)];
  }

  #shuffled(pieces: readonly Piece[]): Piece[] {
    const queues = new Map<Piece['key'], Piece[]>();
    for (const piece of pieces) queues.set(piece.key, [...(queues.get(piece.key) ?? []), piece]);
    const keys = pieces.map(({ key }) => key);
    for (let i = keys.length - 1; i > 0; i--) {
      const j = this.#below(i + 1);
      [keys[i], keys[j]] = [keys[j] as Piece['key'], keys[i] as Piece['key']];
    }
    return keys.map((key) => queues.get(key)?.shift() as Piece);
  }

  #width(quirk: Quirk, most: number): number {
    return this.#happens(quirk) ? 1 + this.#below(most) : 1;
  }

  #noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }

  #happens(quirk: Quirk): boolean {
    return this.#quirks.has(quirk) && this.#below(1000) < this.#encoding.rate * 1000;
  }

  /** An integer of [0, limit): a 32-bit generator in the manner of splitmix, enough to spread choices. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed = (mixed ^ (mixed >>> 16)) >>> 0;
    return Math.floor((mixed / 2 ** 32) * limit);
  }
}

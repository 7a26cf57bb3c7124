import { SdgraphError } from '../errors.ts';
import { AttributeType } from '../wire/generated/schema.ts';
import type { Span } from '../wire/rope.ts';
import { decodeText, encodeText } from '../wire/text.ts';
import type { Graph } from './graph.ts';
import type { Tensor } from './tensor.ts';

/** The kinds of attribute, by the number that ONNX gives them. */
export { AttributeType };

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(AttributeType).map(([name, id]) => [id, name]));

/** What an attribute holds. Which members are filled follows from its type. */
export interface AttributeValues {
  readonly f?: number | undefined;
  readonly i?: bigint | undefined;
  readonly s?: Uint8Array | undefined;
  readonly floats?: readonly number[] | undefined;
  readonly ints?: readonly bigint[] | undefined;
  readonly strings?: readonly Uint8Array[] | undefined;
  /** One for TENSOR, any number for TENSORS. */
  readonly tensors?: readonly Tensor[] | undefined;
  /** One for GRAPH, any number for GRAPHS. */
  readonly graphs?: readonly Graph[] | undefined;
}

/** @internal Where a file has an attribute: the field with tag and length, and where its contents begin. */
export interface AttributeOrigin {
  readonly field: Span;
  readonly payload: number;
}

/** What a new attribute is made of. */
export interface AttributeInit extends AttributeValues {
  readonly name: string;
  /** A number of {@link AttributeType}. */
  readonly type: number;
  /** In a local function: the function's attribute that this one stands for. */
  readonly refAttrName?: string;
  /** @internal Where the AttributeProto lies in the file; its unknown fields outlive an edit. */
  readonly segments?: readonly Span[];
}

/** @internal An attribute of a file. */
export interface FileAttributeInit {
  readonly name: string;
  readonly type: number;
  readonly refAttrName: string;
  readonly values: AttributeValues;
  readonly origin: AttributeOrigin;
}

/** A named attribute of a node. It does not change; `node.setAttribute` puts another in its place. */
export class Attribute {
  readonly name: string;
  readonly type: number;
  readonly refAttrName: string;
  readonly values: AttributeValues;
  readonly #origin: AttributeOrigin | readonly Span[];

  constructor(init: AttributeInit | FileAttributeInit) {
    this.name = init.name;
    this.type = init.type;
    this.refAttrName = init.refAttrName ?? '';
    if ('origin' in init) {
      this.values = init.values;
      this.#origin = init.origin;
    } else {
      const { f, i, s, floats, ints, strings, tensors, graphs, segments = [] } = init;
      const values = { f, i, s, floats, ints, strings, tensors, graphs };
      this.values = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
      this.#origin = segments;
    }
  }

  /** @internal Where the AttributeProto lies in the file; empty for a new attribute. */
  get segments(): readonly Span[] {
    if (!('field' in this.#origin)) return this.#origin;
    const { field, payload } = this.#origin;
    return [{ source: field.source, start: payload, end: field.end }];
  }

  /** @internal The field in the file that says exactly this; undefined after an edit. */
  get field(): Span | undefined {
    return 'field' in this.#origin ? this.#origin.field : undefined;
  }

  static float(name: string, value: number): Attribute {
    return new Attribute({ name, type: AttributeType.FLOAT, f: value });
  }

  static int(name: string, value: number | bigint): Attribute {
    return new Attribute({ name, type: AttributeType.INT, i: exact(name, value) });
  }

  static string(name: string, value: string): Attribute {
    return new Attribute({ name, type: AttributeType.STRING, s: encodeText(value) });
  }

  static ints(name: string, values: readonly (number | bigint)[]): Attribute {
    return new Attribute({ name, type: AttributeType.INTS, ints: values.map((value) => exact(name, value)) });
  }

  static floats(name: string, values: readonly number[]): Attribute {
    return new Attribute({ name, type: AttributeType.FLOATS, floats: values });
  }

  static strings(name: string, values: readonly string[]): Attribute {
    return new Attribute({ name, type: AttributeType.STRINGS, strings: values.map((value) => encodeText(value)) });
  }

  static tensor(name: string, value: Tensor): Attribute {
    return new Attribute({ name, type: AttributeType.TENSOR, tensors: [value] });
  }

  /** The name of the type as ONNX has it: `INT`, `TENSOR`, ... */
  get typeName(): string {
    return TYPE_NAMES.get(this.type) ?? String(this.type);
  }

  /** The value of an INT. Throws `E_ATTRIBUTE` for any other type, as the other accessors do. */
  get int(): bigint {
    return this.#get(AttributeType.INT, this.values.i ?? 0n);
  }

  get float(): number {
    return this.#get(AttributeType.FLOAT, this.values.f ?? 0);
  }

  get string(): string {
    return decodeText(this.#get(AttributeType.STRING, this.values.s ?? new Uint8Array(0)));
  }

  get ints(): readonly bigint[] {
    return this.#get(AttributeType.INTS, this.values.ints ?? []);
  }

  get floats(): readonly number[] {
    return this.#get(AttributeType.FLOATS, this.values.floats ?? []);
  }

  get strings(): readonly string[] {
    return this.#get(AttributeType.STRINGS, this.values.strings ?? []).map((bytes) => decodeText(bytes));
  }

  get tensor(): Tensor {
    const tensor = this.#get(AttributeType.TENSOR, this.values.tensors)?.[0];
    if (tensor === undefined) throw this.#error('a tensor', 'none');
    return tensor;
  }

  get graph(): Graph {
    const graph = this.#get(AttributeType.GRAPH, this.values.graphs)?.[0];
    if (graph === undefined) throw this.#error('a graph', 'none');
    return graph;
  }

  #get<T>(type: number, value: T): T {
    if (this.type === type) return value;
    throw this.#error(TYPE_NAMES.get(type) ?? '', this.typeName);
  }

  #error(expected: string, found: string): SdgraphError {
    return new SdgraphError('E_ATTRIBUTE', 'an attribute has another type', { name: this.name }, { expected, found });
  }
}

/** A whole number as an int64 holds it. */
function exact(name: string, value: number | bigint): bigint {
  const integer = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (integer !== undefined && BigInt.asIntN(64, integer) === integer) return integer;
  throw new SdgraphError(
    'E_ATTRIBUTE',
    'an INT attribute holds a whole number of 64 bits',
    { name },
    { found: String(value) },
  );
}

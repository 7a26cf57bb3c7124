import { fieldIds } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import { Rope, ropeBytes, type Span } from '../wire/rope.ts';
import { splice } from '../wire/splice.ts';
import { ropeField, textField } from '../wire/writer.ts';
import { decodeType, encodeType, type TensorType, type ValueType } from './type.ts';

const F = fieldIds('ValueInfoProto');

/**
 * A ValueInfoProto: what the file says of the type of a graph input, a graph output or a value in between. It does not
 * change: another type makes another object that keeps the rest of the message.
 */
export class ValueInfo {
  /** Occurrences of the message in the file; none for a new one. */
  readonly segments: readonly Span[];
  readonly #edited: TensorType | undefined;
  #type: ValueType | undefined;

  constructor(segments: readonly Span[], edited?: TensorType) {
    this.segments = segments;
    this.#edited = edited;
    this.#type = edited;
  }

  /** Type of the value, read when first asked for. Throws `E_NOT_ONNX` when it cannot be read. */
  get type(): ValueType {
    this.#type ??= decodeType(this.#typeBytes());
    return this.#type;
  }

  /** The same info with another type. */
  withType(type: TensorType): ValueInfo {
    return new ValueInfo(this.segments, type);
  }

  /** The message under the given name. */
  encode(name: string): Rope {
    const edits = new Map<number, readonly (Uint8Array | Rope)[]>([[F.name, [textField(F.name, name)]]]);
    if (this.#edited !== undefined) edits.set(F.type, [ropeField(F.type, encodeType(this.#edited, this.#typeBytes()))]);
    return splice('ValueInfoProto', this.segments, edits);
  }

  /** Whether the type is still the one in the file. */
  get clean(): boolean {
    return this.segments.length > 0 && this.#edited === undefined;
  }

  #typeBytes(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const { source, start, end } of this.segments) {
      const reader = new WireReader(source);
      reader.position = start;
      while (reader.next(end)) if (reader.field === F.type && reader.wire === WIRE.bytes) parts.push(reader.bytes());
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : ropeBytes(Rope.of(...parts));
  }
}

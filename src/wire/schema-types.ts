/**
 * How one value of a field lies on the wire. An enum is a varint; a message, a string and bytes have a length in
 * front. A repeated number may also come packed, many values behind one length, whatever `packed` says: readers take both.
 */
export type FieldKind = 'varint' | 'fixed32' | 'fixed64' | 'bytes' | 'string' | 'message' | 'enum';

/** What the schema says of one field. */
export interface FieldInfo {
  /** The field's number. */
  readonly id: number;
  readonly kind: FieldKind;
  /** Key in `FIELDS` of a message, name of an enum, or one of `int32 int64 uint64 float double string bytes`. */
  readonly type: string;
  /** Whether the field may occur more than once and every occurrence counts. */
  readonly repeated: boolean;
  /** Whether writers pack the field. */
  readonly packed: boolean;
  /** The group of fields of which at most one is set: the last one on the wire. */
  readonly oneof?: string;
}

import { isKnownField, type MessageName } from './fields.ts';
import { WireReader } from './reader.ts';
import { type Piece, Rope, type Span } from './rope.ts';

/** New contents of some fields of a message: field number to complete fields (tag included); empty removes the field. */
export type FieldEdits = ReadonlyMap<number, readonly (Piece | Rope)[]>;

/**
 * The message in `segments` with some fields replaced. Every other field (unknown ones included) is copied from where
 * it lies, in its order. The new contents of a field stand where its first occurrence was, those of a field that was
 * absent at the end, by number. A field of an edited number whose wire type is not that of the schema is an unknown one.
 *
 * @param message what the message is in `proto/onnx.proto`
 * @param segments the occurrences of the message; protobuf merges several into one, and so does this
 */
export function splice(message: MessageName, segments: readonly Span[], edits: FieldEdits): Rope {
  const rope = new Rope();
  const pending = new Set([...edits.keys()].toSorted((a, b) => a - b));
  const emit = (field: number): void => {
    if (!pending.delete(field)) return;
    for (const item of edits.get(field) ?? []) rope.add(item);
  };
  for (const { source, start, end } of segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (edits.has(reader.field) && isKnownField(message, reader.field, reader.wire)) emit(reader.field);
      else rope.add({ source, start: reader.start, end: reader.end });
    }
  }
  for (const field of pending) emit(field);
  return rope;
}

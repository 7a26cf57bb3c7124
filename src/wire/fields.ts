import { FIELDS } from './generated/schema.ts';
import { WIRE } from './reader.ts';
import type { FieldInfo } from './schema-types.ts';

/** A message of `proto/onnx.proto`. */
export type MessageName = keyof typeof FIELDS;

/** Numbers of the fields of a message, by name. */
export type FieldIds<M extends MessageName> = { readonly [F in keyof (typeof FIELDS)[M]]: number };

/** The field numbers of a message of `proto/onnx.proto`: `fieldIds('NodeProto').op_type` is 4. */
export function fieldIds<M extends MessageName>(message: M): FieldIds<M> {
  const entries = Object.entries<FieldInfo>(FIELDS[message]).map(([name, { id }]) => [name, id]);
  return Object.fromEntries(entries) as FieldIds<M>;
}

const WIRE_OF: { readonly [Kind in FieldInfo['kind']]: number } = {
  varint: WIRE.varint,
  enum: WIRE.varint,
  fixed32: WIRE.fixed32,
  fixed64: WIRE.fixed64,
  bytes: WIRE.bytes,
  string: WIRE.bytes,
  message: WIRE.bytes,
};

const KNOWN = new Map(
  Object.entries<Record<string, FieldInfo>>(FIELDS).map(([message, fields]) => [
    message,
    new Map(Object.values(fields).map((info) => [info.id, info])),
  ]),
);

/**
 * Whether a field with this wire type is one that the message has. One of a known number with another wire type is
 * unknown to every protobuf reader; a repeated number may be packed, whatever the schema says.
 */
export function isKnownField(message: MessageName, field: number, wire: number): boolean {
  const info = KNOWN.get(message)?.get(field);
  return info !== undefined && (WIRE_OF[info.kind] === wire || (info.repeated && wire === WIRE.bytes));
}

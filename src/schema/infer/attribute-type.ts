import type { Attribute } from '../../ir/attribute.ts';
import { decodeType, type ValueType } from '../../ir/type.ts';
import { fieldIds } from '../../wire/fields.ts';
import { WIRE, WireReader } from '../../wire/reader.ts';

const FIELD = fieldIds('AttributeProto');

/** The type that an attribute of a file holds (TYPE_PROTO); undefined when it holds none. */
export function typeOfAttribute(attribute: Attribute | undefined): ValueType | undefined {
  for (const { source, start, end } of attribute?.segments ?? []) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end))
      if (reader.field === FIELD.tp && reader.wire === WIRE.bytes) return decodeType(reader.bytes());
  }
  return undefined;
}

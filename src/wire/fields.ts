import { FIELDS } from './generated/schema.ts';

/** Numbers of the fields of a message, by name. */
export type FieldIds<M extends keyof typeof FIELDS> = { readonly [F in keyof (typeof FIELDS)[M]]: number };

/** The field numbers of a message of `proto/onnx.proto`: `fieldIds('NodeProto').op_type` is 4. */
export function fieldIds<M extends keyof typeof FIELDS>(message: M): FieldIds<M> {
  const entries = Object.entries<{ id: number }>(FIELDS[message]).map(([name, { id }]) => [name, id]);
  return Object.fromEntries(entries) as FieldIds<M>;
}

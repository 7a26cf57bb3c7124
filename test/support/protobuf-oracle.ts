import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const proto = readFileSync(new URL('../../proto/onnx.proto', import.meta.url), 'utf8');

/** The schema as protobufjs parses it: the reference for what was generated from it. */
export const schemaRoot = protobuf.parse(proto, { keepCase: true }).root.resolveAll();

/** What protobufjs makes of the bytes of a message: plain data, integers as text, unknown fields left out. */
export function decodedByProtobufjs(bytes: Uint8Array, type = 'onnx.ModelProto'): Record<string, unknown> {
  const message = schemaRoot.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String });
}

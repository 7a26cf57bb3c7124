import { SdgraphError } from '../errors.ts';
import { fieldIds } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import type { Span } from '../wire/rope.ts';
import type { ByteSource, ExternalData } from '../wire/source.ts';
import { decodeGraphs } from './decode-graph.ts';
import { type Field, PartCounter, readEntry, readOpset } from './decode-parts.ts';
import { Model, type ModelInit } from './model.ts';

const F = fieldIds('ModelProto');

/**
 * Reads the structure of a model: everything but the payloads of tensors, which stay where they are.
 *
 * Errors: the `E_WIRE_*` codes and `E_NOT_ONNX`. Flaws of meaning (names that nothing defines, two producers of one
 * name, cycles) do not stop it: they are for the checker to report.
 */
export function decodeModel(source: ByteSource, external?: ExternalData & { close(): void }): Model {
  const whole = { source, start: 0, end: source.size };
  const reader = new WireReader(source);
  const counter = new PartCounter(reader);
  const parts = { graph: [] as Span[], functions: [] as Field[], training: [] as Span[] };
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let irVersion: number | undefined;
  const producer = { name: '', version: '' };
  while (reader.next(whole.end)) {
    const span = { source, start: reader.payload, end: reader.end };
    if (reader.wire === WIRE.varint && reader.field === F.ir_version) irVersion = reader.int32();
    if (reader.wire !== WIRE.bytes) continue;
    counter.add();
    if (reader.field === F.graph) parts.graph.push(span);
    else if (reader.field === F.training_info) parts.training.push(span);
    else if (reader.field === F.functions) parts.functions.push({ ...span, fieldStart: reader.start });
    else if (reader.field === F.producer_name) producer.name = reader.string();
    else if (reader.field === F.producer_version) producer.version = reader.string();
    else if (reader.field === F.opset_import) readOpset(reader, opsets);
    else if (reader.field === F.metadata_props) readEntry(reader, metadata);
  }
  if (irVersion === undefined && parts.graph.length === 0 && parts.functions.length === 0) {
    throw new SdgraphError(
      'E_NOT_ONNX',
      'there is no ONNX model in here',
      { file: source.label },
      {
        expected: 'an IR version and a graph',
        found: source.size === 0 ? 'an empty file' : 'neither',
      },
    );
  }
  const init: ModelInit = {
    label: source.label,
    source,
    ...(external === undefined ? {} : { external }),
    irVersion: irVersion ?? 0,
    opsets,
    metadata,
    producer: `${producer.name} ${producer.version}`.trim(),
    segments: [whole],
  };
  const model = new Model(init);
  decodeGraphs(model, reader, counter, parts);
  return model;
}

import { fieldIds } from '../wire/fields.ts';
import { WIRE, WireReader } from '../wire/reader.ts';
import { type Piece, Rope, type Span } from '../wire/rope.ts';
import { splice } from '../wire/splice.ts';
import { intField, ropeField, textField } from '../wire/writer.ts';
import { GraphEncoder } from './encode-graph.ts';
import type { Model } from './model.ts';
import type { Tensor } from './tensor.ts';

const F = fieldIds('ModelProto');
const TRAINING = fieldIds('TrainingInfoProto');
const OPSET = fieldIds('OperatorSetIdProto');
const ENTRY = fieldIds('StringStringEntryProto');

/** Where the elements of a tensor go when a model is saved. */
export type Placement =
  /** Into the model file, as `raw_data` copied from wherever they are. */
  | { readonly kind: 'inline' }
  /** To a range of a data file beside the model. */
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly length: number };

/** Decides for each tensor where its elements go; undefined leaves them where they are. */
export type PlaceTensor = (tensor: Tensor) => Placement | undefined;

/**
 * The bytes of a model, as ranges of the file it was read from and new bytes for what was edited. A model without edits
 * and placements gives the one range that is the whole file.
 */
export function encodeModel(model: Model, place: PlaceTensor = () => undefined): Rope {
  const edits = new Map<number, readonly (Piece | Rope)[]>();
  const graphs = new GraphEncoder(place);
  const main = graphs.graph(model.graph);
  if (main !== undefined || model.segments.length === 0) edits.set(F.graph, [ropeField(F.graph, main ?? new Rope())]);
  const functions = model.functions.map((each) => ({ each, body: graphs.graph(each.body) }));
  if (functions.some(({ body }) => body !== undefined)) {
    edits.set(
      F.functions,
      functions.map(({ each, body }) => (body === undefined ? each.field : ropeField(F.functions, body))),
    );
  }
  const training = encodeTraining(model, graphs);
  if (training !== undefined) edits.set(F.training_info, training);
  if (model.segments.length === 0) {
    edits.set(F.ir_version, [intField(F.ir_version, model.irVersion)]);
    edits.set(F.producer_name, [textField(F.producer_name, model.producer)]);
  }
  if (model.editedOpsets.size > 0) edits.set(F.opset_import, encodeOpsets(model));
  if (model.editedMetadata.size > 0) edits.set(F.metadata_props, encodeMetadata(model));
  if (edits.size === 0) return Rope.of(...model.segments);
  return splice('ModelProto', model.segments, edits);
}

/** `training_info` when a graph in it changed. */
function encodeTraining(model: Model, graphs: GraphEncoder): Rope[] | undefined {
  const bodies = new Map<number, Rope>();
  for (const graph of model.trainingGraphs) {
    const [first] = graph.segments;
    const body = graphs.graph(graph);
    if (first !== undefined && body !== undefined) bodies.set(first.start, body);
  }
  if (bodies.size === 0) return undefined;
  return topLevel(model, F.training_info).map(({ contents }) => {
    const edits = new Map<number, readonly Rope[]>();
    const reader = new WireReader(contents.source);
    reader.position = contents.start;
    while (reader.next(contents.end)) {
      const { field, wire } = reader;
      if (wire !== WIRE.bytes || (field !== TRAINING.initialization && field !== TRAINING.algorithm)) continue;
      // Known by its first occurrence; the further ones are pieces of the same graph.
      const body = bodies.get(reader.payload);
      if (body !== undefined) edits.set(field, [ropeField(field, body)]);
    }
    return ropeField(F.training_info, splice('TrainingInfoProto', [contents], edits));
  });
}

function encodeOpsets(model: Model): (Piece | Rope)[] {
  const kept = topLevel(model, F.opset_import)
    .map(({ whole, contents }) => ({ whole, contents, domain: textIn(contents, OPSET.domain) }))
    .filter(({ domain }) => model.opsets.has(domain));
  const fields = kept.map(({ whole, contents, domain }) => {
    if (!model.editedOpsets.has(domain)) return whole;
    const version = [intField(OPSET.version, model.opsets.get(domain) ?? 0)];
    return ropeField(F.opset_import, splice('OperatorSetIdProto', [contents], new Map([[OPSET.version, version]])));
  });
  const known = new Set(kept.map(({ domain }) => domain));
  const added = [...model.opsets].filter(([domain]) => !known.has(domain));
  return [
    ...fields,
    ...added.map(([domain, version]) =>
      ropeField(F.opset_import, Rope.of(textField(OPSET.domain, domain), intField(OPSET.version, version))),
    ),
  ];
}

function encodeMetadata(model: Model): (Piece | Rope)[] {
  const kept = topLevel(model, F.metadata_props)
    .map(({ whole, contents }) => ({ whole, key: textIn(contents, ENTRY.key) }))
    .filter(({ key }) => !model.editedMetadata.has(key));
  const added = [...model.editedMetadata].filter((key) => model.metadata.has(key));
  return [
    ...kept.map(({ whole }) => whole),
    ...added.map((key) =>
      ropeField(
        F.metadata_props,
        Rope.of(textField(ENTRY.key, key), textField(ENTRY.value, model.metadata.get(key) ?? '')),
      ),
    ),
  ];
}

/** The occurrences of a field of the model: with tag and length, and the contents alone. */
function topLevel(model: Model, id: number): { whole: Span; contents: Span }[] {
  const found: { whole: Span; contents: Span }[] = [];
  for (const { source, start, end } of model.segments) {
    const reader = new WireReader(source);
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== id || reader.wire !== WIRE.bytes) continue;
      found.push({
        whole: { source, start: reader.start, end: reader.end },
        contents: { source, start: reader.payload, end: reader.end },
      });
    }
  }
  return found;
}

/** The last text of a field in a message, '' when absent. */
function textIn({ source, start, end }: Span, id: number): string {
  const reader = new WireReader(source);
  reader.position = start;
  let text = '';
  while (reader.next(end)) if (reader.field === id && reader.wire === WIRE.bytes) text = reader.string();
  return text;
}

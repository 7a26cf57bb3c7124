import { OmRefusal } from './problems.ts';
import { isBytes, type ProtoField, type ProtoWalk } from './proto.ts';

/** The messages of a compiled graph: for each field that holds a message, which. */
const MESSAGES = {
  model: new Map([
    [7, 'graph'],
    [11, 'entry'],
  ]),
  graph: new Map([
    [6, 'operator'],
    [11, 'entry'],
  ]),
  operator: new Map([
    [10, 'entry'],
    [33, 'descriptor'],
    [34, 'descriptor'],
  ]),
  descriptor: new Map([
    [3, 'shape'],
    [5, 'entry'],
  ]),
  shape: new Map(),
  entry: new Map([[2, 'attribute']]),
  attribute: new Map([
    [1, 'list'],
    [10, 'function'],
    [11, 'descriptor'],
    [12, 'tensor'],
    [13, 'graph'],
  ]),
  list: new Map([
    [8, 'descriptor'],
    [9, 'tensor'],
    [10, 'graph'],
    [11, 'function'],
  ]),
  function: new Map([[2, 'entry']]),
  tensor: new Map([[1, 'descriptor']]),
} as const satisfies Record<string, ReadonlyMap<number, string>>;

type Message = keyof typeof MESSAGES;

/** Graphs in attributes of operators of graphs: six messages a level. */
const MAX_DEPTH = 60;

/**
 * Looks at every field of every message of a model, known to be one or not read otherwise: each has to stay inside of
 * what holds it.
 *
 * @throws OmRefusal `model-def-invalid`, `limit`; SdgraphError `E_WIRE_*`
 */
export function requireWellFormed(
  walk: ProtoWalk,
  place: Pick<ProtoField, 'start' | 'end'>,
  message: Message = 'model',
  depth = 0,
): void {
  if (depth > MAX_DEPTH) {
    throw new OmRefusal('model-def-invalid', 'messages are nested deeper than in any real model', {
      offset: place.start,
    });
  }
  const messages: ReadonlyMap<number, string> = MESSAGES[message];
  for (const field of walk.fields(place.start, place.end)) {
    const inner = messages.get(field.id);
    if (inner !== undefined && isBytes(field)) requireWellFormed(walk, field, inner as Message, depth + 1);
  }
}

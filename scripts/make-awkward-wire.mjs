/**
 * Writes `fixtures/awkward-wire/*.onnx`: small models, each odd in one way that a protobuf reader must take. Run as
 * `node scripts/make-awkward-wire.mjs`, with a folder to write somewhere else. The README there says what is odd in each.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { field, float32, message, varint } from '../test/support/proto-writer.mjs';

/** @import { Widths, Wire, WireValue } from '../test/support/proto-writer.mjs' */

/**
 * A field: its number, wire type and value, or the fields of the message or group inside.
 * @typedef {{ id: number, wire: Wire, value: WireValue | Tree[] }} Tree
 */

/**
 * How to write a tree: least widths, what to do with the fields of every message, and what to add to it.
 * @typedef {{ widths?: Widths, order?: (fields: Tree[]) => Tree[], extra?: Tree[] }} Style
 */

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../fixtures/awkward-wire', import.meta.url)));

/** @param {number} id @param {number | bigint} value @returns {Tree} */
const int = (id, value) => ({ id, wire: 0, value });
/** @param {number} id @param {string | Uint8Array} value @returns {Tree} */
const text = (id, value) => ({ id, wire: 2, value });
/** @param {number} id @param {Tree[]} fields @returns {Tree} */
const sub = (id, ...fields) => ({ id, wire: 2, value: fields });
/** @param {number} id @param {number} value @returns {Tree} */
const float = (id, value) => ({ id, wire: 5, value: float32(value) });
/** @param {number[]} values */
const bytes = (...values) => Uint8Array.from(values);

const FLOAT = 1;
const INT64 = 7;
const ELEMENTS = [1.5, -2, 0.25, 8].map(float32);

/** @param {Tree[]} dimension @returns {Tree} `type` of a value info: a float tensor with one axis */
const vector = (...dimension) => sub(2, sub(1, int(1, FLOAT), sub(2, sub(1, ...dimension))));
/** @param {string | Uint8Array} name @returns {Tree[]} */
const info = (name) => [text(1, name), vector(text(2, 'n'))];
/** @param {Tree[]} content @returns {Tree[]} a named constant of four elements */
const tensor = (...content) => [int(1, 4), ...content, text(8, 'w')];
/** @param {string | Uint8Array} x @param {string | Uint8Array} y @param {Tree[]} more @returns {Tree} */
const relu = (x, y, ...more) => sub(1, text(1, x), text(2, y), text(4, 'LeakyRelu'), ...more);
/** @param {string | Uint8Array} a @param {string | Uint8Array} b @param {string | Uint8Array} y @returns {Tree} */
const add = (a, b, y) => sub(1, text(1, a), text(1, b), text(2, y), text(3, 'sum'), text(4, 'Add'));

const ALPHA = sub(5, text(1, 'alpha'), float(2, 0.5), int(20, 1));
const WEIGHT = tensor(int(2, FLOAT), text(4, message(ELEMENTS)));

/** @param {Partial<{ nodes: Tree[], weight: Tree[], x: Tree[], y: Tree[] }>} parts @returns {Tree[]} */
const graphOf = ({
  nodes = [relu('x', 'h', ALPHA), add('h', 'w', 'y')],
  weight = WEIGHT,
  x = info('x'),
  y = info('y'),
}) => [...nodes, text(2, 'main'), sub(5, ...weight), sub(11, ...x), sub(12, ...y)];
const GRAPH = graphOf({});

/** @param {Tree[]} graphs @param {Tree[]} more @returns {Tree[]} */
const modelOf = (graphs, ...more) => [
  int(1, 10),
  text(2, 'sdgraph'),
  ...graphs,
  sub(8, int(2, 17)),
  sub(14, text(1, 'made by'), text(2, 'hand')),
  ...more,
];
/** @param {Parameters<typeof graphOf>[0]} parts */
const withGraph = (parts) => modelOf([sub(7, ...graphOf(parts))]);
/** @param {Tree[]} attributes @returns {Tree[]} the plain model with other attributes on its first node */
const withAttributes = (...attributes) => withGraph({ nodes: [relu('x', 'h', ...attributes), add('h', 'w', 'y')] });
const MODEL = modelOf([sub(7, ...GRAPH)]);

/** @param {Tree[]} content @returns {Tree} an unknown group */
const group = (...content) => ({ id: 100, wire: 3, value: content });

/** @type {Record<string, Uint8Array>} */
const files = {
  plain: write(MODEL),

  // The same model, written otherwise.
  'fields-reversed': write(MODEL, { order: reversed }),
  'overlong-tags': write(MODEL, { widths: { tag: 5 } }),
  'overlong-tags-of-ten-bytes': write(MODEL, { widths: { tag: 10 } }),
  'overlong-lengths': write(MODEL, { widths: { length: 5 } }),
  'overlong-lengths-of-ten-bytes': write(MODEL, { widths: { length: 10 } }),
  'overlong-integers': write(MODEL, { widths: { varint: 10 } }),
  'integer-bits-beyond-64': message([
    bytes(0x08, 0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e),
    write(MODEL.slice(1)),
  ]),
  'int32-bits-beyond-32': write(
    withGraph({ weight: tensor(int(2, (5n << 32n) | BigInt(FLOAT)), text(4, message(ELEMENTS))) }),
  ),
  'graph-in-pieces': write(modelOf([sub(7, ...GRAPH.slice(0, 4)), sub(7), sub(7, ...GRAPH.slice(4))])),
  'type-in-pieces': write(
    withGraph({
      x: [
        text(1, 'x'),
        sub(2, sub(1, int(1, FLOAT))),
        sub(2, sub(1, sub(2))),
        sub(2, sub(1, sub(2, sub(1, text(2, 'n'))))),
      ],
    }),
  ),
  'scalars-repeated': write(MODEL, { order: (fields) => fields.flatMap((tree) => [...decoy(tree), tree]) }),
  'oneof-last-counts': write(
    withGraph({
      x: [text(1, 'x'), vector(int(1, 7), text(2, 'n'))],
      y: [text(1, 'y'), sub(2, sub(4, sub(1, sub(1, int(1, INT64)))), ...fieldsOf(vector(text(2, 'n'))))],
    }),
  ),
  'elements-unpacked': write(
    withGraph({
      weight: tensor(int(2, FLOAT), ...ELEMENTS.map((value) => ({ id: 4, wire: /** @type {const} */ (5), value }))),
    }),
  ),
  'elements-half-packed': write(
    withGraph({
      weight: tensor(
        text(4, ELEMENTS[0] ?? ''),
        int(2, FLOAT),
        { id: 4, wire: 5, value: ELEMENTS[1] ?? '' },
        text(4, ''),
        text(4, message(ELEMENTS.slice(2))),
      ),
    }),
  ),

  // The same model with more in it that no schema knows.
  'unknown-integers': write(MODEL, { extra: [int(100, 300)] }),
  'unknown-fixed32': write(MODEL, { extra: [{ id: 100, wire: 5, value: bytes(1, 2, 3, 4) }] }),
  'unknown-fixed64': write(MODEL, { extra: [{ id: 100, wire: 1, value: bytes(1, 2, 3, 4, 5, 6, 7, 8) }] }),
  'unknown-bytes': write(MODEL, { extra: [text(100, bytes(0xff, 0x00, 0x80))] }),
  'unknown-groups': write(MODEL, { extra: [group(int(1, 1), group(text(7, 'inside'), group()), float(2, 1))] }),
  'unknown-highest-number': write(MODEL, { extra: [int(536_870_911, 1)] }),
  'wrong-wire-types': write(MODEL, { order: (fields) => [...fields.map(mistyped), ...fields] }),

  // Other models.
  'attribute-ints-packed': write(
    withAttributes(
      ALPHA,
      sub(5, text(1, 'axes'), text(8, message([1, -1, 300].map((value) => varint(value)))), int(20, INT64)),
    ),
  ),
  'attribute-untyped': write(withAttributes(sub(5, text(1, 'alpha'), float(2, 0.5)))),
  'attribute-type-from-the-future': write(withAttributes(ALPHA, sub(5, text(1, 'later'), int(3, 1), int(20, 99)))),
  'element-type-from-the-future': write(withGraph({ weight: tensor(int(2, 200), text(9, bytes(1, 2, 3))) })),
  'empty-messages': write(
    modelOf(
      [
        sub(
          7,
          ...graphOf({ x: [text(1, 'x'), sub(2)], y: [text(1, 'y'), sub(2, sub(1, sub(2, sub(1))))] }),
          sub(1),
          sub(14),
        ),
      ],
      ...[8, 14, 20, 26].map((id) => sub(id)),
    ),
  ),
  'int64-extremes': write(
    withAttributes(
      ALPHA,
      sub(5, text(1, 'least'), int(3, -(1n << 63n)), int(20, 2)),
      sub(5, text(1, 'most'), int(3, (1n << 63n) - 1n), int(20, 2)),
      sub(5, text(1, 'odd'), int(8, (1n << 53n) + 1n), int(8, -1), int(20, INT64)),
    ),
  ),
  'signalling-nans': write(
    withAttributes(
      sub(5, text(1, 'alpha'), { id: 2, wire: 5, value: bytes(0x01, 0x00, 0xa0, 0x7f) }, int(20, 1)),
      sub(5, text(1, 'slopes'), { id: 7, wire: 5, value: bytes(0x02, 0x00, 0x80, 0xff) }, int(20, 6)),
    ),
  ),
  'names-not-utf8': write(renamed(bytes(0x68, 0xff), bytes(0x68, 0xfe))),
  'names-of-object-members': write(renamed('__proto__', 'constructor')),
  'names-with-marks': write(renamed('\ufeffh', 'h\0')),
  'subgraphs-three-deep': write([
    ...withGraph({ nodes: [relu('x', 'h', ALPHA), nested(3), add('h', 'w', 'y')] }),
    sub(8, text(1, 'com.example'), int(2, 1)),
  ]),
};

mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, `${name}.onnx`), content);

/**
 * @param {Tree[]} fields
 * @param {Style} [style]
 * @returns {Uint8Array} the fields as a message
 */
function write(fields, style = {}) {
  const { widths = {}, order = (same) => same, extra = [] } = style;
  const parts = [...order(fields), ...extra].map(({ id, wire, value }) => {
    if (!Array.isArray(value)) return field(id, wire, value, widths);
    // What is added to every message is not added to the groups that are added.
    return field(id, wire, write(value, wire === 3 ? { widths } : style), widths);
  });
  return message(parts);
}

/** @param {Tree[]} fields in the opposite order, except that elements of one list keep theirs */
function reversed(fields) {
  return fields.toSorted((a, b) => b.id - a.id);
}

/** @param {Tree} tree @returns {Tree[]} an earlier value for a scalar that is not in a list, which the real one overrides */
function decoy({ id, wire, value }) {
  if (Array.isArray(value)) return [];
  // The one list of integers: the dimension 4.
  if (wire === 0) return id === 1 && value === 4 ? [] : [int(id, 3)];
  return wire === 5 ? [{ id, wire, value: float32(-1) }] : [];
}

/** @param {Tree} tree @returns {Tree} the same number with a 64-bit value, which no field here has */
function mistyped({ id }) {
  return { id, wire: 1, value: bytes(1, 1, 2, 3, 5, 8, 13, 21) };
}

/** @param {Tree} tree */
function fieldsOf({ value }) {
  if (!Array.isArray(value)) throw new Error('a message is needed');
  return value;
}

/** @param {string | Uint8Array} first @param {string | Uint8Array} second @returns {Tree[]} x -> first -> second -> y */
function renamed(first, second) {
  return withGraph({ nodes: [relu('x', first, ALPHA), relu(first, second), add(second, 'w', 'y')] });
}

/** @param {number} depth @returns {Tree} a node whose graph uses the value `h` of the outermost one */
function nested(depth) {
  const inner = depth === 1 ? [] : [nested(depth - 1)];
  const body = [relu('h', `h${depth}`), ...inner, text(2, `level ${depth}`), sub(12, ...info(`h${depth}`))];
  const attribute = sub(5, text(1, 'body'), sub(6, ...body), int(20, 5));
  return sub(1, text(2, `r${depth}`), text(4, 'Nest'), attribute, text(7, 'com.example'));
}

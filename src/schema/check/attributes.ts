import { type Attribute, AttributeType } from '../../ir/attribute.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Node } from '../../ir/node.ts';
import { fieldCounts } from '../../ir/raw-fields.ts';
import type { OperatorSchema } from '../operators.ts';
import type { CheckContext } from './context.ts';
import { attributesOf } from './functions.ts';

/** IR version that brought the type of an attribute (onnx.proto). */
const TYPED_SINCE = 2;

/** The field of AttributeProto for each type. */
const FIELD_OF: ReadonlyMap<number, string> = new Map([
  [AttributeType.FLOAT, 'f'],
  [AttributeType.INT, 'i'],
  [AttributeType.STRING, 's'],
  [AttributeType.TENSOR, 't'],
  [AttributeType.GRAPH, 'g'],
  [AttributeType.FLOATS, 'floats'],
  [AttributeType.INTS, 'ints'],
  [AttributeType.STRINGS, 'strings'],
  [AttributeType.TENSORS, 'tensors'],
  [AttributeType.GRAPHS, 'graphs'],
  [AttributeType.SPARSE_TENSOR, 'sparse_tensor'],
  [AttributeType.SPARSE_TENSORS, 'sparse_tensors'],
  [AttributeType.TYPE_PROTO, 'tp'],
  [AttributeType.TYPE_PROTOS, 'type_protos'],
]);
const FIELDS: readonly string[] = [...FIELD_OF.values()];

/** Fields that say something by being there; an absent number is 0, an absent list empty. */
const MUST_BE_THERE: ReadonlySet<string> = new Set(['t', 'g', 'sparse_tensor', 'tp']);

/** Every attribute of a node by itself: name, type, value, and what it refers to. */
export function checkAttributes(node: Node, inFunction: LocalFunction | undefined, context: CheckContext): void {
  if (node.attributes.length === 0) return;
  const names = new Set<string>();
  for (const attribute of node.attributes) {
    const { name } = attribute;
    if (name === '') context.report('attribute-name-missing', { node }, 'an attribute has no name');
    else if (names.has(name)) {
      context.report('duplicate-attribute', { node, attribute: name }, 'a node has an attribute twice');
    }
    names.add(name);
    checkReference(attribute, node, inFunction, context);
    checkValue(attribute, node, context);
  }
}

function checkReference(
  { name, refAttrName }: Attribute,
  node: Node,
  inFunction: LocalFunction | undefined,
  context: CheckContext,
): void {
  if (refAttrName === '') return;
  if (inFunction === undefined) {
    context.report(
      'function-reference',
      { node, attribute: name },
      'only nodes of a local function can refer to its attributes',
      {
        found: refAttrName,
      },
    );
  } else if (!attributesOf(inFunction).all.has(refAttrName)) {
    context.report(
      'function-reference',
      { node, attribute: name },
      'the function around the node has no such attribute',
      {
        found: refAttrName,
      },
    );
  }
}

function checkValue(attribute: Attribute, node: Node, context: CheckContext): void {
  const { name, type, refAttrName } = attribute;
  const about = { node, attribute: name };
  const present = fieldsOf(attribute);
  if (present.untyped && context.model.irVersion >= TYPED_SINCE) {
    context.report('attribute-untyped', about, 'an attribute does not say its type', {
      expected: `a type, as since IR version ${TYPED_SINCE}`,
    });
  }
  const field = FIELD_OF.get(type);
  const other = present.fields.find((each) => each !== field);
  const found = present.fields.length === 0 ? 'no value' : present.fields.join(' and ');
  if (refAttrName !== '') {
    if (present.fields.length > 0) {
      context.report('attribute-value', about, 'an attribute refers to another and has a value of its own', { found });
    }
  } else if (field === undefined) {
    // A type that is missing was reported, or is implied by the value in models of the first IR version.
    if (!present.untyped) {
      context.report('attribute-value', about, 'an attribute has a type that does not exist', {
        found: attribute.typeName,
      });
    }
  } else if (present.fields.length > 1 || other !== undefined) {
    context.report('attribute-value', about, 'an attribute holds several values, or one of another type than it says', {
      expected: field,
      found,
    });
  } else if (present.fields.length === 0 && MUST_BE_THERE.has(field)) {
    context.report('attribute-value', about, 'an attribute has no value', { expected: field });
  }
}

/** The value fields of an attribute that are there, and whether its type is not. */
function fieldsOf(attribute: Attribute): { readonly fields: readonly string[]; readonly untyped: boolean } {
  if (attribute.field !== undefined) {
    const counts = fieldCounts('AttributeProto', attribute.segments);
    return { fields: FIELDS.filter((field) => counts.has(field)), untyped: !counts.has('type') };
  }
  // Made or changed in memory: the type decides what is written.
  const { tensors, graphs } = attribute.values;
  const field = FIELD_OF.get(attribute.type);
  const empty = (field === 't' && tensors?.length !== 1) || (field === 'g' && graphs?.length !== 1);
  return { fields: field === undefined || empty || attribute.refAttrName !== '' ? [] : [field], untyped: false };
}

/** What a Constant node holds: the operator makes no attribute required, yet needs one, and no more. */
function checkConstant(node: Node, context: CheckContext): void {
  const values = node.attributes.map(({ name }) => name).filter((name) => name.includes('value'));
  if (node.opType !== 'Constant' || values.length === 1) return;
  context.report('constant-value', { node }, 'a Constant node does not hold exactly one value', {
    found: values.length === 0 ? 'none' : values.join(' and '),
  });
}

/** The attributes of a node against what its operator defines. */
export function checkAgainstSchema(node: Node, schema: OperatorSchema, context: CheckContext): void {
  for (const attribute of node.attributes) {
    const { name, typeName, type } = attribute;
    const known = schema.attributes.get(name);
    if (known === undefined) {
      // Two underscores in front mark what a tool keeps for itself.
      if (schema.anyAttribute || name.startsWith('__') || name === '') continue;
      context.report('attribute-unknown', { node, attribute: name }, 'the operator has no such attribute', {
        expected: schema.attributes.size === 0 ? 'none' : `one of ${[...schema.attributes.keys()].join(', ')}`,
      });
    } else if (known.type !== typeName && type !== AttributeType.UNDEFINED) {
      context.report(
        'attribute-type',
        { node, attribute: name },
        'the operator defines another type for the attribute',
        {
          expected: known.type,
          found: typeName,
        },
      );
    } else if (type === AttributeType.UNDEFINED) {
      context.report('attribute-type', { node, attribute: name }, 'the attribute has neither type nor value', {
        expected: known.type,
      });
    }
  }
  if (node.isStandardDomain) checkConstant(node, context);
  for (const [name, { required }] of schema.attributes) {
    if (!required || node.attribute(name) !== undefined) continue;
    context.report('attribute-missing', { node, attribute: name }, 'an attribute without default is left out', {});
  }
}

import { SdgraphError } from '../errors.ts';
import { Attribute } from '../ir/attribute.ts';
import { Tensor } from '../ir/tensor.ts';
import { schemaFor } from '../schema/operators.ts';

/**
 * What a new attribute holds. Its ONNX type is the one that the operator's schema names; where there is no schema it
 * follows from the JavaScript type, never from the number: a number is a FLOAT, a bigint an INT, a string a STRING, a
 * Tensor a TENSOR, an array of numbers FLOATS, of bigints INTS, of strings STRINGS.
 */
export type AttributeInput =
  | number
  | bigint
  | string
  | Tensor
  | readonly number[]
  | readonly bigint[]
  | readonly string[];

/** Attributes as objects, or by name; one that is undefined is left out. */
export type AttributeArguments = readonly Attribute[] | Readonly<Record<string, AttributeInput | undefined>>;

/** The attributes of a node of that operator, in the order given. Throws `E_ATTRIBUTE` for a value of another type. */
export function attributesOf(
  opType: string,
  domain: string,
  opset: number,
  given: AttributeArguments,
): readonly Attribute[] {
  if (isList(given)) return given;
  const entries = Object.entries(given);
  if (entries.length === 0) return [];
  const schema = schemaFor(opType, domain, opset);
  return entries.flatMap(([name, input]) =>
    input === undefined ? [] : [attributeOf(name, input, schema?.attributes.get(name)?.type)],
  );
}

function isList(given: AttributeArguments): given is readonly Attribute[] {
  return Array.isArray(given);
}

function attributeOf(name: string, input: AttributeInput, type: string | undefined): Attribute {
  switch (type) {
    case 'INT':
      if (typeof input === 'number' || typeof input === 'bigint') return Attribute.int(name, input);
      break;
    case 'FLOAT':
      if (typeof input === 'number') return Attribute.float(name, input);
      break;
    case 'INTS':
      if (isNumbers(input) || isBigints(input)) return Attribute.ints(name, input);
      break;
    case 'FLOATS':
      if (isNumbers(input)) return Attribute.floats(name, input);
      break;
    case 'STRING':
      if (typeof input === 'string') return Attribute.string(name, input);
      break;
    case 'TENSOR':
      if (input instanceof Tensor) return Attribute.tensor(name, input);
      break;
    default:
      return untypedAttribute(name, input);
  }
  throw new SdgraphError(
    'E_ATTRIBUTE',
    'an attribute has another type than the operator defines',
    { name },
    { expected: type, found: Array.isArray(input) ? `a list of ${typeof input[0]}` : typeof input },
  );
}

function untypedAttribute(name: string, input: AttributeInput): Attribute {
  if (typeof input === 'number') return Attribute.float(name, input);
  if (typeof input === 'bigint') return Attribute.int(name, input);
  if (typeof input === 'string') return Attribute.string(name, input);
  if (input instanceof Tensor) return Attribute.tensor(name, input);
  if (isNumbers(input)) return Attribute.floats(name, input);
  return isBigints(input) ? Attribute.ints(name, input) : Attribute.strings(name, input);
}

/** An empty list counts as one of numbers. */
function isNumbers(input: AttributeInput): input is readonly number[] {
  return Array.isArray(input) && input.every((each) => typeof each === 'number');
}

function isBigints(input: AttributeInput): input is readonly bigint[] {
  return Array.isArray(input) && input.every((each) => typeof each === 'bigint');
}

import type { Attribute } from '../../ir/attribute.ts';
import type { LocalFunction } from '../../ir/function.ts';
import type { Fact, Known } from './fact.ts';

/** A key for a function; the standard domain has two spellings. */
export function functionKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload]);
}

const identities = new WeakMap<object, number>();
let lastIdentity = 0;

/** A key that is equal for calls of a function between which its body cannot tell a difference. */
export function callKey(
  called: LocalFunction,
  inputs: readonly (Fact | undefined)[],
  attributes: ReadonlyMap<string, Attribute>,
): string {
  const facts = inputs.map((fact) => (fact === undefined ? null : [fact.type, fact.known?.map(elementKey)]));
  const given = [...attributes].map(([name, attribute]) => [name, attributeKey(attribute)]);
  return JSON.stringify([identity(called), facts, given]);
}

function elementKey(element: Known): readonly [string, string] {
  return [typeof element, Object.is(element, -0) ? '-0' : String(element)];
}

/** Numbers and texts are told apart by what they are, everything else by which object it is. */
function attributeKey(attribute: Attribute): unknown {
  const { type, values } = attribute;
  if (values.tensors !== undefined || values.graphs !== undefined) return identity(attribute);
  const { i, ints, f, floats, s, strings } = values;
  const texts = [s, ...(strings ?? [])].map((bytes) => bytes?.join(' '));
  return [type, i?.toString(), ints?.map(String), f?.toString(), floats?.map(String), texts];
}

function identity(object: object): number {
  const known = identities.get(object);
  if (known !== undefined) return known;
  lastIdentity += 1;
  identities.set(object, lastIdentity);
  return lastIdentity;
}

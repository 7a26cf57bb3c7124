import { printable } from '../errors.ts';
import { type Attribute, AttributeType } from '../ir/attribute.ts';
import type { Node } from '../ir/node.ts';
import type { SiteFacts } from './limits.ts';
import type { PluginOperator, TargetAttribute } from './types.ts';

/** An attribute that is not as the target needs it. */
export interface AttributeProblem {
  readonly attribute: string;
  readonly message: string;
  readonly expected: string;
  readonly found: string;
}

/** The attributes that a profile writes, as they are on a node: fixed values have to be those, computed ones have to be there. */
export function* checkPluginAttributes(
  node: Node,
  operator: PluginOperator,
  facts: SiteFacts,
): Generator<AttributeProblem> {
  for (const wanted of operator.attributes) {
    const attribute = node.attribute(wanted.name);
    const expected = expectedText(wanted, facts);
    const problem = (message: string, found: string): AttributeProblem => ({
      attribute: wanted.name,
      message,
      expected,
      found,
    });
    if (attribute === undefined) {
      yield problem(`${operator.opType} needs the attribute`, 'none');
    } else if (attribute.refAttrName === '') {
      const found = valueOf(attribute, wanted.type);
      if (found === undefined) yield problem('the attribute has another type', attribute.typeName);
      else if (!isRight(wanted, found, facts))
        yield problem('the attribute has another value', printable(String(found)));
    }
  }
}

function expectedText(wanted: TargetAttribute, facts: SiteFacts): string {
  if ('value' in wanted) return String(wanted.value);
  if (wanted.formula === 'numHeads' && facts.heads !== undefined) return `${facts.heads}`;
  return wanted.type === 'int' ? 'an int' : 'a float';
}

function valueOf(attribute: Attribute, type: TargetAttribute['type']): number | bigint | string | undefined {
  if (type === 'int' && attribute.type === AttributeType.INT) return attribute.int;
  if (type === 'float' && attribute.type === AttributeType.FLOAT) return attribute.float;
  return type === 'string' && attribute.type === AttributeType.STRING ? attribute.string : undefined;
}

function isRight(wanted: TargetAttribute, found: number | bigint | string, facts: SiteFacts): boolean {
  if ('value' in wanted) {
    if (typeof found === 'bigint') return found === BigInt(wanted.value);
    return found === (typeof wanted.value === 'number' ? Math.fround(wanted.value) : wanted.value);
  }
  // A step or a factor of zero makes every result zero: it stands for one that was never filled in.
  if (wanted.formula === 'quantScale' || wanted.formula === 'attentionScale') return found !== 0;
  return wanted.formula !== 'numHeads' || facts.heads === undefined || Number(found) === facts.heads;
}

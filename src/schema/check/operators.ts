import type { Node } from '../../ir/node.ts';
import { type OperatorSchema, operatorVersions, type Parameter, schemaFor, standardDomains } from '../operators.ts';
import { checkAgainstSchema } from './attributes.ts';
import { type CheckContext, importedVersion, type Scope } from './context.ts';
import { checkCall } from './functions.ts';

/** Experimental operators of the first versions; readers that have dropped them skip their nodes. */
const REMOVED: ReadonlySet<string> = new Set([
  'ATen',
  'Affine',
  'ConstantFill',
  'Crop',
  'DynamicSlice',
  'GRUUnit',
  'GivenTensorFill',
  'ImageScaler',
  'ParametricSoftplus',
  'Scale',
  'ScaledTanh',
]);

/** A node against its operator: that there is one, how many inputs and outputs it takes, and its attributes. */
export function checkOperator(node: Node, { opsets }: Scope, context: CheckContext): OperatorSchema | undefined {
  const { opType, domain } = node;
  if (opType === '') return undefined;
  const version = importedVersion(opsets, domain);
  if (version === undefined) {
    context.report('domain-not-imported', { node }, 'the domain of the operator is not imported', {
      found: domain === '' ? 'the standard domain' : domain,
      hint: 'add it to opset_import',
    });
    return undefined;
  }
  const callee = context.called(node);
  if (callee !== undefined) {
    checkCall(node, callee, context);
    return undefined;
  }
  const schema = schemaFor(opType, domain, version);
  if (schema === undefined) reportUnknown(node, version, context);
  else if (schema.deprecated) {
    context.report('operator-deprecated', { node }, 'the operator must no longer be used in the version imported', {
      expected: `a version below ${schema.since}`,
      found: `${version}`,
    });
  } else {
    if (schema.plugin) {
      context.report('plugin-operator', { node }, 'an operator of Ascend software: other tools do not know it');
    }
    checkCounts(node, schema, context);
    checkAgainstSchema(node, schema, context);
    return schema;
  }
  return undefined;
}

function reportUnknown(node: Node, version: number, context: CheckContext): void {
  const { opType, domain } = node;
  const later = operatorVersions(opType, domain)[0];
  if (later !== undefined) {
    context.report('operator-not-in-opset', { node }, 'the operator came with a later version than the one imported', {
      expected: `at least ${later.since}`,
      found: `${version}`,
    });
  } else if (node.isStandardDomain && REMOVED.has(opType)) {
    context.report('operator-removed', { node }, 'an experimental operator that is gone');
  } else if (node.isStandardDomain || standardDomains().includes(domain)) {
    context.report('unknown-operator', { node }, 'the domain has no such operator', {
      hint: 'put operators of your own in a domain of your own',
    });
  } else {
    context.report('unknown-custom-operator', { node }, 'nothing is known of the operator', { found: domain });
  }
}

function checkCounts(node: Node, schema: OperatorSchema, context: CheckContext): void {
  const { minInputs, maxInputs, inputCounts, minOutputs, maxOutputs, outputCounts } = schema;
  const inputs = node.inputs.length;
  const outputs = node.outputs.length;
  if (inputs < minInputs || inputs > maxInputs || inputCounts?.includes(inputs) === false) {
    context.report('input-count', { node }, 'the operator takes another number of inputs', {
      expected: counted(minInputs, maxInputs, inputCounts),
      found: `${inputs}`,
    });
  }
  if (outputs < minOutputs || outputs > maxOutputs || outputCounts?.includes(outputs) === false) {
    context.report('output-count', { node }, 'the operator gives another number of outputs', {
      expected: counted(minOutputs, maxOutputs, outputCounts),
      found: `${outputs}`,
    });
  }
  const missingInput = missing(node.inputs, schema.inputs);
  if (missingInput !== undefined) {
    context.report('input-missing', { node }, `the input '${missingInput}' is left out and not optional`);
  }
  const missingOutput = missing(node.outputs, schema.outputs);
  if (missingOutput !== undefined) {
    context.report('output-missing', { node }, `the output '${missingOutput}' is left out and not optional`);
  }
}

/** The first single parameter whose place is there but empty. */
function missing(values: readonly unknown[], parameters: readonly Parameter[]): string | undefined {
  return parameters.find(({ option }, i) => option === 'single' && i < values.length && values[i] === undefined)?.name;
}

function counted(least: number, most: number, counts: readonly number[] | undefined): string {
  if (counts !== undefined) return counts.join(' or ');
  if (least === most) return `${least}`;
  return most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
}

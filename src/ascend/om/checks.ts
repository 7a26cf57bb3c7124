import { encodeText } from '../../wire/text.ts';
import type { OmAttributeValue } from './attributes.ts';
import type { OmHeader } from './header.ts';
import type { InoutInfo, InoutTensor } from './inout-info.ts';
import { isOpen } from './interface.ts';
import type { ModelDef } from './model-def.ts';
import { PARTITION } from './partitions.ts';
import type { OmProblem } from './problems.ts';
import type { OmModel, OmTensor } from './report.ts';
import { typeByName } from './tensor-types.ts';

/** Bytes of a name that the header has room for. */
const HEADER_NAME = 31;

/** What of a model contradicts the header, its partitions or itself, although it can be read. */
export function checkModelFacts(
  header: OmHeader,
  model: OmModel,
  def: ModelDef,
  info: InoutInfo | undefined,
  isRoot: boolean,
): OmProblem[] {
  const warnings: OmProblem[] = [];
  if (isRoot) warnings.push(...checkName(header, def.name));
  warnings.push(...checkWeights(model, def.attributes));
  if (isRoot && (model.inputs.length === 0 || model.outputs.length === 0)) {
    const found = model.inputs.length === 0 ? 'no input operator' : 'no output operator';
    warnings.push({ id: 'not-inference', message: 'the graph is not that of a plain inference model', found });
  }
  const ports = [...model.inputs, ...model.outputs];
  const isBounded = model.gears !== null || ports.some(({ shapeRange }) => shapeRange !== null);
  if (isRoot && ports.some(isOpen) && !isBounded && header.isUnknownModel === false) {
    warnings.push({
      id: 'dynamic-unmarked',
      message: 'shapes are open, without gears or ranges, and the header does not say so',
    });
  }
  if (info !== undefined) warnings.push(...checkInoutInfo(model, def, info));
  const { unresolved } = def.names;
  if (unresolved !== undefined) {
    warnings.push({
      id: 'attribute-name',
      message: 'the name of a compressed attribute is not in the dictionary of the model',
      found: JSON.stringify(unresolved.slice(0, 40)),
    });
  }
  return warnings;
}

/** The header holds the name, cut; flows leave it empty. */
function checkName({ name }: OmHeader, whole: string): OmProblem[] {
  const cut = encodeText(whole).subarray(0, HEADER_NAME);
  if (name === '' || Buffer.compare(encodeText(name), cut) === 0) return [];
  return [
    { id: 'name-differs', message: 'the header names another model than the graph', expected: whole, found: name },
  ];
}

/** External weights count as none. */
function checkWeights({ partitions }: OmModel, attributes: ReadonlyMap<string, OmAttributeValue>): OmProblem[] {
  const size = partitions.find(({ type }) => type === PARTITION.weights)?.size ?? 0;
  const stated = attributes.get('weight_size');
  const list = attributes.get('om_info_list');
  const claims = [
    ['weight_size', stated?.kind === 'int' ? stated.value : undefined],
    ['om_info_list', list?.kind === 'ints' ? list.value[0] : undefined],
  ] as const;
  return claims.flatMap(([name, value]) =>
    value === undefined || value === size
      ? []
      : [
          {
            id: 'weight-size' as const,
            message: `the attribute ${name} states another size of the weights`,
            expected: `${size} bytes`,
            found: `${value}`,
          },
        ],
  );
}

/** Where the table of inputs and outputs and the graph do not speak of the same tensors. Open dimensions fit any. */
function checkInoutInfo({ inputs, outputs }: OmModel, def: ModelDef, info: InoutInfo): OmProblem[] {
  const differs = (what: string): OmProblem[] => [
    { id: 'inout-info-differs', message: `the table of inputs and outputs and the graph differ: ${what}` },
  ];
  const fed = inputs.filter(({ hidden }) => !hidden);
  const listed = info.inputs.filter(({ name }) => !inputs.some((input) => input.hidden && input.name === name));
  if (fed.length !== listed.length) return differs(`${listed.length} inputs there, ${fed.length} here`);
  if (info.outputs.length !== outputs.length) {
    return differs(`${info.outputs.length} outputs there, ${outputs.length} here`);
  }
  for (const [i, input] of fed.entries()) {
    const stated = listed[i] as InoutTensor;
    if (stated.name !== input.name) return differs(`input ${i} has another name`);
    const facts = def.inputs.find(({ name }) => name === input.name)?.inputs[0];
    if (isOther(stated, input, facts?.shape)) return differs(`input ${i} has another type or shape`);
  }
  for (const [i, output] of outputs.entries()) {
    if (isOther(info.outputs[i] as InoutTensor, output, def.output?.inputs[i]?.shape)) {
      return differs(`output ${i} has another type or shape`);
    }
  }
  return [];
}

/** Whether a line of the table contradicts what the graph says. The tensor itself has the table's shape already. */
function isOther(stated: InoutTensor, { dtype }: OmTensor, shape: readonly number[] | null | undefined): boolean {
  if (typeByName(dtype)?.acl !== stated.aclType) return true;
  if (shape === null || shape === undefined) return false;
  return shape.length !== stated.shape.length || shape.some((dim, i) => isClash(dim, stated.shape[i] as number));
}

function isClash(a: number, b: number): boolean {
  return a >= 0 && b >= 0 && a !== b;
}

import type { OmAttributeValue } from './attributes.ts';
import type { OmInteger } from './header.ts';
import type { InoutInfo, InoutTensor } from './inout-info.ts';
import type { ModelDef, PortOperator, TensorFacts } from './model-def.ts';
import type { OmGears, OmTensor } from './report.ts';
import { tensorBytes, typeByProto } from './tensor-types.ts';

/** Inputs that the runtime fills in: which gear to run, and how to prepare images. */
const HIDDEN: ReadonlySet<string> = new Set(['ascend_mbatch_shape_data', 'ascend_dynamic_aipp_data']);

const GEAR_KINDS: ReadonlyMap<string, OmGears['kind']> = new Map([
  ['1', 'batch'],
  ['2', 'image'],
  ['3', 'dims'],
]);

/** Most gears that are read from an operator: the compiler takes a few hundred. */
const MAX_GEARS = 4096;

/** The inputs of a model, in order. Shapes are those of the table where there is one: it is what the runtime goes by. */
export function inputsOf(def: ModelDef, info: InoutInfo | undefined): OmTensor[] {
  return def.inputs.map(({ name, inputs, outputs }) => {
    const stated = info?.inputs.find((each) => each.name === name);
    return tensorOf(name, inputs[0] ?? outputs[0], stated);
  });
}

/** The outputs of a model, in order. */
export function outputsOf(def: ModelDef, info: InoutInfo | undefined): OmTensor[] {
  const { output, attributes } = def;
  if (output === undefined) return [];
  const names = attributes.get('attr_model_out_nodes_name');
  const stated = info !== undefined && info.outputs.length === output.inputs.length ? info.outputs : [];
  return output.inputs.map((facts, i) => {
    const known = names?.kind === 'strings' && names.value.length === output.inputs.length ? names.value[i] : undefined;
    return tensorOf(known ?? nameByOrigin(output, i), facts, stated[i]);
  });
}

/** A model that was not given names for its outputs names them by the operators that compute them. */
function nameByOrigin({ sources }: PortOperator, i: number): string {
  const source = sources[i];
  return source === undefined ? `output_${i}` : `output_${i}_${source.name}_${source.index}`;
}

function tensorOf(name: string, facts: TensorFacts | undefined, stated: InoutTensor | undefined): OmTensor {
  const type = facts === undefined ? stated?.type : typeByProto(facts.dtype);
  const shape = stated?.shape ?? facts?.shape ?? null;
  return {
    name,
    dtype: type?.name ?? `type ${facts?.dtype ?? stated?.aclType ?? 0}`,
    aclType: type?.acl ?? null,
    shape,
    shapeRange: stated?.shapeRange ?? ranges(facts?.attributes.get('shape_range')),
    format: facts?.layout ?? stated?.format ?? '',
    bytes: tensorBytes(shape, type?.bits),
    hidden: HIDDEN.has(name),
    originShape: ints(facts?.attributes.get('origin_shape')),
    originFormat: text(facts?.attributes.get('origin_format')),
  };
}

/** The gears of a model: those of the table, else those of the operator that picks a branch. */
export function gearsOf({ gearSwitch }: ModelDef, info: InoutInfo | undefined): OmGears | null {
  if (info !== undefined && info.gears !== null) return info.gears;
  if (gearSwitch === undefined) return null;
  const { attributes } = gearSwitch;
  const count = attributes.get('batch_num');
  const type = attributes.get('dynamic_type');
  if (count?.kind !== 'int' || typeof count.value !== 'number') return null;
  const values: (readonly OmInteger[])[] = [];
  for (let i = 0; i < Math.min(count.value, MAX_GEARS); i++) {
    const gear = ints(attributes.get(`pred_value_${i}`));
    if (gear === null) break;
    values.push(gear);
  }
  if (values.length === 0) return null;
  const order = attributes.get('user_designate_shape_order');
  return {
    kind: GEAR_KINDS.get(String(type?.value)) ?? 'dims',
    values,
    order: order?.kind === 'strings' ? order.value : [],
  };
}

/** Whether a shape that callers see is open. */
export function isOpen({ shape, hidden }: OmTensor): boolean {
  return !hidden && (shape === null || shape.some((dim) => dim < 0));
}

function ints(value: OmAttributeValue | undefined): readonly OmInteger[] | null {
  return value?.kind === 'ints' ? value.value : null;
}

function ranges(value: OmAttributeValue | undefined): OmTensor['shapeRange'] {
  return value?.kind === 'int lists' && value.value.length > 0 ? value.value : null;
}

/** The text of an attribute, or null. */
export function text(value: OmAttributeValue | undefined): string | null {
  return value?.kind === 'string' ? value.value : null;
}

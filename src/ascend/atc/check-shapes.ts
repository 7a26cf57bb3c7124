/** Checks of the options that speak of shapes against the inputs of the model. */

import { printable } from '../../errors.ts';
import { parseGears, parseInputShape, type ShapeDim } from './input-shape.ts';
import { notAnInput, type OptionContext, type OptionProblem, optionError } from './option-context.ts';
import type { PlanPort } from './plan-types.ts';

const DYNAMIC = ['dynamic_batch_size', 'dynamic_image_size', 'dynamic_dims', 'input_shape_range'] as const;
const GEARED = ['dynamic_batch_size', 'dynamic_image_size', 'dynamic_dims'] as const;

/** An input with the shape that it is compiled with. */
interface ShapedInput {
  readonly name: string;
  /** Null where not even the rank is known. */
  readonly dims: readonly ShapeDim[] | null;
}

/** What is wrong with shapes and gears. */
export function checkShapes(context: OptionContext): OptionProblem[] {
  const { options, inputs, family } = context;
  const problems: OptionProblem[] = [];
  const given = DYNAMIC.filter((name) => options.has(name));
  if (given.length > 1) {
    const names = given.map((name) => `--${name}`).join(' and ');
    problems.push(optionError('dynamic-options', `${names} exclude each other`, { atc: 'E10009' }));
  }
  problems.push(...checkFormat(context));
  const text = options.get('input_shape');
  const shapes = text === undefined ? new Map<string, readonly ShapeDim[]>() : parseInputShape(text);
  if (shapes === undefined) {
    const hint = 'write it like name:1,3,224,224;other:2,77';
    return [...problems, optionError('input-shape-form', '--input_shape is malformed', { atc: 'E10002', hint })];
  }
  problems.push(...checkNames(shapes, inputs));
  if (family === '310B' && [...shapes.values()].some((dims) => dims.includes('range'))) {
    problems.push(optionError('chip-option', 'ranges in --input_shape are not for chips of the 310B series'));
  }
  if (problems.some(({ rule }) => rule === 'dynamic-options')) return problems;
  const shaped = inputs.map(({ name, shape }) => ({ name, dims: shapes.get(name) ?? fromModel(shape) }));
  const gears = GEARED.find((name) => options.has(name));
  if (gears !== undefined) problems.push(...checkGears(gears, options.get(gears) as string, shaped, family));
  else if (!options.has('input_shape_range')) problems.push(...checkClosed(shaped));
  return problems;
}

function checkFormat({ options }: OptionContext): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const format = options.get('input_format') ?? 'NCHW';
  if (options.has('dynamic_dims') && format !== 'ND') {
    const hint = 'set input_format to ND';
    problems.push(optionError('dynamic-dims-format', '--dynamic_dims needs --input_format=ND', { hint }));
  }
  if (options.has('dynamic_dims') && options.has('insert_op_conf')) {
    problems.push(optionError('dynamic-dims-aipp', '--dynamic_dims and AIPP (--insert_op_conf) exclude each other'));
  }
  if (options.has('insert_op_conf') && format !== 'NCHW' && format !== 'NHWC') {
    problems.push(
      optionError('aipp-format', 'AIPP (--insert_op_conf) needs --input_format NCHW or NHWC', { atc: 'E10052' }),
    );
  }
  return problems;
}

function checkNames(shapes: ReadonlyMap<string, readonly ShapeDim[]>, inputs: readonly PlanPort[]): OptionProblem[] {
  const byName = new Map(inputs.map((input) => [input.name, input]));
  const problems: OptionProblem[] = [];
  for (const [name, dims] of shapes) {
    const input = byName.get(name);
    if (input === undefined) problems.push(notAnInput('input_shape', name, byName.keys()));
    else if (input.shape !== null && input.shape.length !== dims.length) {
      const message = `--input_shape gives '${printable(name)}' ${dims.length} axes, the model ${input.shape.length}`;
      problems.push(optionError('input-shape-rank', message, { atc: 'E10049' }));
    } else if (input.shape?.some((dim, i) => typeof dim === 'number' && clash(dims[i], dim))) {
      const message = `--input_shape gives '${printable(name)}' a size that the model does not have`;
      const found = input.shape.map((dim) => dim ?? '?').join(',');
      problems.push(optionError('input-shape-size', message, { atc: 'E10050', hint: `the model has ${found}` }));
    }
    if (dims.some((dim) => typeof dim === 'number' && dim <= 0)) {
      const message = `--input_shape gives '${printable(name)}' a size that is not positive`;
      problems.push(optionError('input-shape-positive', message, { atc: 'E10011' }));
    }
  }
  return problems;
}

function clash(given: ShapeDim | undefined, fixed: number): boolean {
  return given !== undefined && given !== fixed;
}

function fromModel(shape: PlanPort['shape']): readonly ShapeDim[] | null {
  return shape === null ? null : shape.map((dim) => (typeof dim === 'number' ? dim : 'open'));
}

function checkClosed(inputs: readonly ShapedInput[]): OptionProblem[] {
  return inputs
    .filter(({ dims }) => dims === null || dims.includes('open'))
    .map(({ name, dims }) =>
      optionError(
        'open-dimension',
        dims === null
          ? `the number of axes of the input '${printable(name)}' is not known`
          : `a dimension of the input '${printable(name)}' is open, and no option says for which sizes to compile`,
        { atc: 'E10011', hint: 'give sizes with input_shape, or gears with dynamic_batch_size, _image_size or _dims' },
      ),
    );
}

function checkGears(
  option: (typeof GEARED)[number],
  text: string,
  inputs: readonly ShapedInput[],
  family: string,
): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const open = inputs.map(({ dims }) => (dims ?? []).flatMap((dim, i) => (dim === 'open' ? [i] : [])));
  const openCount = open.reduce((sum, axes) => sum + axes.length, 0);
  const fail = (atc: string, message: string): number =>
    problems.push(optionError('gears', `--${option} ${message}`, { atc }));
  if (openCount === 0) fail(option === 'dynamic_batch_size' ? 'E10031' : 'E10040', 'needs an open dimension (-1)');
  // A batch is one number for each gear, so its gears stand behind commas.
  const gears = option === 'dynamic_batch_size' ? text.split(',').map((each) => [Number(each)]) : parseGears(text);
  const most = family === '950' ? 256 : 100;
  if (gears.length < 2) fail('E10035', 'needs two gears or more');
  if (gears.length > most) fail('E10036', `takes at most ${most} gears`);
  if (gears.flat().some((size) => size <= 0)) fail('E10038', 'has a size that is not positive');
  if (new Set(gears.map((gear) => gear.join(','))).size < gears.length) fail('E10039', 'names a gear twice');
  if (new Set(gears.map((gear) => gear.length)).size > 1) fail('E10037', 'has gears of different lengths');
  const [{ length } = []] = gears;
  switch (option) {
    case 'dynamic_batch_size':
      if (open.some((axes) => axes.some((axis) => axis > 0))) fail('E10018', 'needs -1 in the first dimension only');
      break;
    case 'dynamic_image_size':
      if (length !== 2) fail('E10020', 'takes a height and a width for each gear');
      if (open.some((axes) => axes.length > 0 && axes.length !== 2))
        fail('E10019', 'needs -1 in height and width only');
      break;
    case 'dynamic_dims':
      if (openCount > 0 && length !== openCount) {
        fail('E10045', `has ${length} numbers for each gear, but ${openCount} dimensions are open`);
      }
      break;
    default:
      return option satisfies never;
  }
  return problems;
}

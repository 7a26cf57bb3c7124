/** What the options of one compilation must not be together, checked before ATC takes minutes to say so. */

import { printable } from '../../errors.ts';
import { checkShapes } from './check-shapes.ts';
import { notAnInput, type OptionContext, type OptionProblem, optionError, optionWarning } from './option-context.ts';
import { ATC_OPTIONS } from './options.ts';
import type { PlanPort } from './plan-types.ts';

/** Rules that the options break, errors and warnings, in the order of the rules. */
export function checkOptions(given: OptionContext): OptionProblem[] {
  // Options that name files are options, too; their values do not matter here.
  const named = [...given.files.keys()].map((name) => [name, ''] as const);
  const context = { ...given, options: new Map([...named, ...given.options]) };
  return [
    ...checkShapes(context),
    ...checkPrecision(context),
    ...checkNodes(context),
    ...checkChip(context),
    ...checkPairs(context),
    ...checkAge(context),
  ];
}

const MIXED = new Set([
  'allow_mix_precision',
  'allow_mix_precision_fp16',
  'allow_mix_precision_bf16',
  'mixed_float16',
  'mixed_bfloat16',
  'mixed_hif8',
]);
const ORIGIN = new Set(['must_keep_origin_dtype', 'origin']);

function checkPrecision({ options }: OptionContext): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const modes = [options.get('precision_mode'), options.get('precision_mode_v2')].filter((mode) => mode !== undefined);
  if (modes.length === 2) {
    problems.push(
      optionError('precision-modes', '--precision_mode and --precision_mode_v2 exclude each other', { atc: 'E10056' }),
    );
  }
  if (options.has('modify_mixlist') && !modes.some((mode) => MIXED.has(mode))) {
    problems.push(
      optionError('mixlist-mode', '--modify_mixlist needs a mixed precision mode', {
        hint: 'set precision_mode_v2 to mixed_float16, or precision_mode to allow_mix_precision',
      }),
    );
  }
  if (options.has('keep_dtype') && modes.some((mode) => ORIGIN.has(mode))) {
    problems.push(
      optionWarning('keep-dtype-mode', '--keep_dtype has no effect: the precision mode keeps every element type'),
    );
  }
  const list = options.get('optypelist_for_implmode');
  const mode = options.get('op_select_implmode');
  if (list !== undefined && mode === undefined) {
    problems.push(
      optionError('implmode-list', '--optypelist_for_implmode needs --op_select_implmode', { atc: 'E10057' }),
    );
  } else if (list !== undefined && mode?.endsWith('_for_all')) {
    problems.push(
      optionError('implmode-list', `--op_select_implmode=${mode} is for all operators and takes no list of types`, {
        hint: `use ${mode.replace('_for_all', '')}, or leave the list out`,
      }),
    );
  }
  if (options.has('op_precision_mode') && (list !== undefined || mode !== undefined)) {
    problems.push(
      optionWarning(
        'op-precision-wins',
        '--op_precision_mode replaces --op_select_implmode and --optypelist_for_implmode, which have no effect',
      ),
    );
  }
  return problems;
}

function checkNodes({ options, files, inputs }: OptionContext): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const names = new Set(inputs.map(({ name }) => name));
  const fp16 = (options.get('input_fp16_nodes') ?? '').split(';').filter((name) => name !== '');
  for (const name of fp16) {
    if (!names.has(name)) problems.push(notAnInput('input_fp16_nodes', name, names));
  }
  const aipp = files.get('insert_op_conf');
  if (aipp !== undefined) {
    const prepared = preparedInputs(aipp, inputs);
    for (const name of fp16) {
      if (!prepared.has(name)) continue;
      const message = `--input_fp16_nodes and AIPP both change the input '${printable(name)}'`;
      problems.push(optionError('fp16-aipp', message, { atc: 'E10034' }));
    }
  }
  const outNodes = options.get('out_nodes')?.split(';') ?? [];
  const withIndex = outNodes.filter((node) => /^.+:\d+$/u.test(node));
  if (withIndex.length > 0 && withIndex.length < outNodes.length) {
    problems.push(optionError('out-nodes-forms', '--out_nodes mixes names of nodes with names of ONNX outputs'));
  }
  const types = options.get('output_type');
  if (types?.includes(':')) {
    for (const part of types.split(';')) {
      const node = part.slice(0, part.lastIndexOf(':'));
      if (outNodes.includes(node)) continue;
      problems.push(
        optionError('output-type-nodes', `--output_type names '${printable(node)}', which is not in --out_nodes`),
      );
    }
  }
  return problems;
}

/** Names of the inputs that an AIPP configuration is for: by name, by rank, or the first. */
function preparedInputs(config: string, inputs: readonly PlanPort[]): ReadonlySet<string> {
  const blocks = config
    .replace(/#[^\n]*/gu, '')
    .split(/\baipp_op\b/u)
    .slice(1);
  const names = blocks.map((block) => {
    const name = /\brelated_input_name\s*:\s*"([^"]*)"/u.exec(block)?.[1];
    const rank = Number(/\brelated_input_rank\s*:\s*(\d{1,9})/u.exec(block)?.[1] ?? 0);
    return name ?? inputs[rank]?.name;
  });
  return new Set(names.filter((name) => name !== undefined));
}

function checkChip({ options, family, framework = 'onnx' }: OptionContext): OptionProblem[] {
  const problems: OptionProblem[] = [];
  if (framework === 'caffe' && ['A2', 'A3', '950'].includes(family)) {
    problems.push(optionError('chip-option', `chips of the ${family} series take no Caffe models`, { atc: 'E10055' }));
  }
  for (const [name, value] of options) {
    const option = ATC_OPTIONS.get(name);
    const families = option?.valueFamilies?.get(value) ?? option?.families;
    if (families === undefined || families.includes(family)) continue;
    const what = option?.valueFamilies?.has(value) ? `--${name}=${value}` : `--${name}`;
    const message = `${what} is not for chips of the ${family} series`;
    problems.push(optionError('chip-option', message, { atc: 'E10055', hint: `it is for ${families.join(', ')}` }));
  }
  return problems;
}

function checkPairs({ options }: OptionContext): OptionProblem[] {
  const problems: OptionProblem[] = [];
  if (options.get('enable_compress_weight') === 'true' && options.has('compress_weight_conf')) {
    const message = '--enable_compress_weight and --compress_weight_conf exclude each other';
    problems.push(optionError('compress-weight', message, { atc: 'E10047' }));
  }
  if (options.has('debug_dir') && (options.get('op_debug_level') ?? '0') === '0') {
    const message = '--debug_dir has no effect: --op_debug_level is 0, which leaves nothing behind';
    problems.push(optionWarning('debug-dir', message));
  }
  return problems;
}

/** Options that not every toolkit has. ATC stops at those that it does not know. */
function checkAge({ options }: OptionContext): OptionProblem[] {
  return [...options.keys()].flatMap((name) => {
    const since = ATC_OPTIONS.get(name)?.since;
    if (since === undefined) return [];
    const which = since === 'new' ? 'is known of toolkits of 2026 only' : 'is of toolkits before CANN 7';
    return [optionWarning('option-age', `--${name} ${which}; others may refuse it`)];
  });
}

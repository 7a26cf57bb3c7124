/** Every option of ATC, as data. */

import { printable, SdgraphError } from '../../errors.ts';
import { nearest } from '../../targets/nearest.ts';
import type { AtcOption, ChipFamily, OptionValues } from './option-types.ts';
import { relativeParts } from './plan-paths.ts';

const LINE = /^[^\u0000-\u001f\u007f]{1,65536}$/u;

const one = (...values: string[]): OptionValues => ({ kind: 'enum', values });
const whole = (min: number, max: number): OptionValues => ({ kind: 'integer', min, max });
const text = (form: string, pattern: RegExp = LINE): OptionValues => ({ kind: 'text', pattern, form });
const BOOLEAN: OptionValues = { kind: 'boolean' };
const FOLDER: OptionValues = { kind: 'folder' };
const JSON_FILE: OptionValues = { kind: 'file', content: 'json' };
const TEXT_FILE: OptionValues = { kind: 'file', content: 'text' };
const SWITCH = one('0', '1');
const BF16: readonly ChipFamily[] = ['A2', 'A3', '310B', '950'];
const NAMES = /^[\w./:-]+(?:[,;][\w./:-]+)*$/u;
const GEARS = /^\d{1,9}(?:,\d{1,9})*(?:;\d{1,9}(?:,\d{1,9})*)*$/u;

type Rest = Partial<Omit<AtcOption, 'name' | 'group' | 'values'>>;

function entry(group: AtcOption['group'], name: string, values: OptionValues, rest: Rest = {}): AtcOption {
  return { name, group, values, owner: 'user', ...rest };
}

const TABLE: readonly AtcOption[] = [
  entry('basic', 'mode', one('0', '1', '3', '5', '6', '7', '30'), { default: '0', owner: 'none' }),
  entry('basic', 'framework', one('0', '1', '3', '5'), { owner: 'planner', note: '5 is ONNX' }),
  entry('basic', 'model', text('path'), { owner: 'planner' }),
  entry('basic', 'weight', text('path'), { owner: 'none', frameworks: ['caffe'] }),
  entry('basic', 'om', text('path'), { owner: 'none', note: 'modes 1 and 6' }),
  entry('basic', 'json', text('path'), { owner: 'none', note: 'mode 1' }),
  entry('basic', 'output', text('path without extension'), { owner: 'planner' }),
  entry('basic', 'soc_version', text('Ascend310P3', /^[A-Za-z][\w-]{1,63}$/u), { owner: 'planner' }),
  entry('basic', 'singleop', JSON_FILE, { owner: 'none', note: 'compiles operators in place of a model' }),
  entry('basic', 'help', BOOLEAN, { owner: 'none' }),

  entry('input', 'input_format', one('NCHW', 'NHWC', 'NCDHW', 'NDHWC', 'ND'), { default: 'NCHW' }),
  entry('input', 'input_shape', text('name:1,3,224,224;other:2,77')),
  entry('input', 'input_shape_range', text('name:[1~4,3,-1]'), {
    families: ['310', '310P', '910', 'A2', 'A3', '950', 'other'],
    note: 'replaced by ranges in input_shape',
  }),
  entry('input', 'dynamic_batch_size', text('1,2,4', /^\d{1,9}(?:,\d{1,9})*$/u)),
  entry('input', 'dynamic_image_size', text('height,width;height,width', GEARS)),
  entry('input', 'dynamic_dims', text('a,b;c,d', GEARS)),
  entry('input', 'input_fp16_nodes', text('name;other')),
  entry('input', 'insert_op_conf', TEXT_FILE, { note: 'AIPP' }),
  entry('input', 'is_input_adjust_hw_layout', text('true,false', /^(?:true|false)(?:,(?:true|false))*$/u)),
  entry('input', 'is_output_adjust_hw_layout', text('true,false', /^(?:true|false)(?:,(?:true|false))*$/u)),
  entry('input', 'input_hint_shape', text('index:[shape]'), { since: 'new' }),

  entry('output', 'out_nodes', text('node:0;other:1, or names of ONNX outputs')),
  entry('output', 'output_type', text('FP16, or node:0:FP16;other:0:FP32')),
  entry('output', 'external_weight', one('0', '1', '2'), { default: '0' }),
  entry('output', 'save_original_model', BOOLEAN, { since: 'old' }),
  entry('output', 'check_report', text('path'), { default: 'check_result.json', owner: 'none' }),
  entry('output', 'host_env_os', one('linux')),
  entry('output', 'host_env_cpu', one('x86_64', 'aarch64')),
  entry('output', 'display_model_info', SWITCH, { default: '0' }),

  entry(
    'precision',
    'precision_mode',
    one(
      'force_fp16',
      'force_fp32',
      'cube_fp16in_fp32out',
      'allow_fp32_to_fp16',
      'must_keep_origin_dtype',
      'allow_mix_precision',
      'allow_mix_precision_fp16',
      'allow_mix_precision_bf16',
      'allow_fp32_to_bf16',
    ),
    {
      default: 'force_fp16',
      valueFamilies: new Map([
        ['allow_mix_precision_bf16', BF16],
        ['allow_fp32_to_bf16', BF16],
      ]),
    },
  ),
  entry(
    'precision',
    'precision_mode_v2',
    one('fp16', 'origin', 'cube_fp16in_fp32out', 'mixed_float16', 'mixed_bfloat16', 'cube_hif8', 'mixed_hif8'),
    {
      default: 'fp16',
      valueFamilies: new Map([
        ['mixed_bfloat16', BF16],
        ['cube_hif8', ['950']],
        ['mixed_hif8', ['950']],
      ]),
    },
  ),
  entry('precision', 'modify_mixlist', JSON_FILE),
  entry('precision', 'keep_dtype', TEXT_FILE),
  entry('precision', 'customize_dtypes', TEXT_FILE),
  // The sample writes the list of operators before the mode.
  entry('precision', 'optypelist_for_implmode', text('Gelu,Sigmoid', NAMES)),
  entry(
    'precision',
    'op_select_implmode',
    one('high_performance', 'high_precision', 'high_performance_for_all', 'high_precision_for_all'),
    { default: 'high_performance' },
  ),
  entry('precision', 'op_precision_mode', TEXT_FILE),
  entry('precision', 'allow_hf32', BOOLEAN),
  entry('precision', 'compression_optimize_conf', TEXT_FILE, { unsafe: true, note: 'needs AMCT; names further files' }),

  entry('optimization', 'fusion_switch_file', TEXT_FILE),
  entry('optimization', 'optimization_switch', text('Pass1:on;Pass2:off', /^\w+:(?:on|off)(?:;\w+:(?:on|off))*$/u)),
  entry('optimization', 'buffer_optimize', one('l2_optimize', 'l1_optimize', 'off_optimize'), {
    default: 'l2_optimize',
  }),
  entry('optimization', 'enable_small_channel', SWITCH, { default: '0' }),
  entry('optimization', 'disable_reuse_memory', SWITCH, { default: '0' }),
  entry('optimization', 'enable_single_stream', BOOLEAN, { default: 'false' }),
  entry('optimization', 'core_type', one('AiCore', 'VectorCore'), {
    default: 'AiCore',
    valueFamilies: new Map([['VectorCore', ['310P']]]),
  }),
  entry('optimization', 'aicore_num', text('c or c|v', /^\d{1,4}(?:\|\d{1,4})?$/u)),
  entry('optimization', 'jit_compile', one('0', '1', '2'), { default: '1' }),
  entry('optimization', 'oo_level', one('O1', 'O3'), { default: 'O3' }),
  entry('optimization', 'oo_constant_folding', BOOLEAN),
  entry('optimization', 'oo_dead_code_elimination', BOOLEAN),
  entry('optimization', 'sparsity', SWITCH, { default: '0' }),
  entry('optimization', 'virtual_type', SWITCH, { default: '0' }),
  entry('optimization', 'deterministic', SWITCH, { default: '0' }),
  entry('optimization', 'deterministic_level', whole(0, 3)),
  entry('optimization', 'enable_compress_weight', BOOLEAN, { default: 'false', since: 'old' }),
  entry('optimization', 'compress_weight_conf', TEXT_FILE, { since: 'old' }),
  entry('optimization', 'is_weight_clip', SWITCH, { default: '1' }),
  entry('optimization', 'mdl_bank_path', FOLDER),
  entry('optimization', 'op_bank_path', FOLDER),
  entry('optimization', 'auto_tune_mode', text('none'), { owner: 'none', note: 'removed; tune with AOE' }),
  entry('optimization', 'op_compiler_cache_mode', one('disable', 'enable', 'force'), { default: 'disable' }),
  entry('optimization', 'op_compiler_cache_dir', FOLDER, { default: '$HOME/atc_data' }),
  entry('optimization', 'enable_scope_fusion_passes', text('names'), { owner: 'none', frameworks: ['tensorflow'] }),

  entry('debugging', 'log', one('null', 'debug', 'info', 'warning', 'error'), { default: 'null' }),
  entry('debugging', 'op_debug_level', one('0', '1', '2', '3', '4'), { default: '0' }),
  entry('debugging', 'debug_dir', FOLDER),
  entry('debugging', 'op_debug_config', TEXT_FILE, { unsafe: true }),
  entry('debugging', 'status_check', SWITCH, { default: '0' }),
  entry('debugging', 'dump_mode', SWITCH, { default: '0' }),
  entry('debugging', 'atomic_clean_policy', SWITCH, { default: '0' }),
  entry('debugging', 'shape_generalized_build_mode', one('shape_precise', 'shape_generalized'), {
    default: 'shape_precise',
  }),
  entry('debugging', 'raw_ge_options', JSON_FILE, { unsafe: true, note: 'may set any option of the engine' }),

  entry('rare', 'ac_parallel_enable', SWITCH, { since: 'new' }),
  entry('rare', 'tiling_schedule_optimize', SWITCH, { since: 'new' }),
  entry('rare', 'topo_sorting_mode', whole(0, 3), { since: 'new' }),
  entry('rare', 'multi_stream_parallel_mode', text('cv', /^\w{1,32}$/u), { since: 'new' }),
  entry('rare', 'enable_attr_compression', BOOLEAN, { default: 'true', since: 'new' }),
  entry('rare', 'export_compile_stat', one('0', '1', '2'), { since: 'new' }),
  entry('rare', 'quant_dumpable', SWITCH, { since: 'new' }),
  entry('rare', 'static_model_ops_lower_limit', whole(-1, 2 ** 31 - 1), { since: 'new' }),
  entry('rare', 'h2d_overlapped_with_compute', one('0', '1', '2'), { since: 'new' }),
  entry('rare', 'cluster_config', JSON_FILE, { since: 'new', unsafe: true }),
  entry('rare', 'hccl_sub_comm_config', JSON_FILE, { since: 'new', unsafe: true }),
  entry('rare', 'op_name_map', TEXT_FILE, { owner: 'none', frameworks: ['caffe'] }),
  entry('rare', 'cal_conf', TEXT_FILE, { unsafe: true }),
  entry('rare', 'target', text('name', /^\w{1,32}$/u)),
];

/** Every option of ATC by name, in the order in which a command line has them. */
export const ATC_OPTIONS: ReadonlyMap<string, AtcOption> = new Map(TABLE.map((option) => [option.name, option]));

const TRUE = new Set(['1', 't', 'true', 'y', 'yes']);
const FALSE = new Set(['0', 'f', 'false', 'n', 'no']);

/** An option that a user may set. Dashes inside the name and leading ones are taken as ATC takes them. */
export function userOption(written: string, path: string): AtcOption {
  const name = written.replace(/^--?/u, '').replaceAll('-', '_');
  const option = ATC_OPTIONS.get(name);
  if (option === undefined) {
    const near = nearest(name, ATC_OPTIONS.keys());
    throw new SdgraphError(
      'E_PLAN',
      `ATC has no option '${printable(name)}'`,
      { path },
      near === undefined ? {} : { hint: `did you mean '${near}'?` },
    );
  }
  if (option.owner === 'user') return option;
  const why =
    option.owner === 'planner' ? 'the plan itself sets it' : (option.note ?? 'it is not for compiling an ONNX model');
  throw new SdgraphError('E_PLAN', `the option '${name}' cannot be set`, { path }, { hint: why });
}

/**
 * The value as ATC reads it.
 *
 * @param path place of the value, for the error
 * @throws SdgraphError `E_PLAN` for a value that the option does not take
 */
export function optionValue(option: AtcOption, value: string | number | boolean, path: string): string {
  const found = String(value);
  const { values, name } = option;
  const refuse = (expected: string): SdgraphError => {
    const near = values.kind === 'enum' ? nearest(found, values.values) : undefined;
    return new SdgraphError(
      'E_PLAN',
      `--${name} does not take that value`,
      { path },
      {
        expected,
        found: `'${printable(found)}'`,
        ...(near === undefined ? {} : { hint: `did you mean '${near}'?` }),
      },
    );
  };
  switch (values.kind) {
    case 'enum': {
      const known = typeof value === 'boolean' ? String(Number(value)) : found;
      if (values.values.includes(known)) return known;
      throw refuse(`one of ${values.values.join(', ')}`);
    }
    case 'integer': {
      const number = /^-?\d{1,15}$/u.test(found) ? Number(found) : Number.NaN;
      if (number >= values.min && number <= values.max) return String(number);
      throw refuse(`a whole number from ${values.min} to ${values.max}`);
    }
    case 'boolean': {
      const lower = found.toLowerCase();
      if (TRUE.has(lower)) return 'true';
      if (FALSE.has(lower)) return 'false';
      throw refuse('true or false');
    }
    case 'text':
      if (LINE.test(found) && values.pattern.test(found)) return found;
      throw refuse(values.form);
    case 'folder':
      return relativeParts(found, path).join('/') || '.';
    case 'file':
      return found;
    default:
      return values satisfies never;
  }
}

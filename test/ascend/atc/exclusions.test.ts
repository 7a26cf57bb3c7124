import { describe, expect, test } from 'vitest';
import { checkOptions } from '../../../src/ascend/atc/exclusions.ts';
import type { OptionContext } from '../../../src/ascend/atc/option-context.ts';
import type { PlanPort } from '../../../src/ascend/atc/plan-types.ts';

const IMAGE: PlanPort = { name: 'image', type: 'float32', shape: [1, 3, 224, 224] };
const OPEN: PlanPort = { name: 'image', type: 'float32', shape: ['batch', 3, null, 224] };
const TEXT: PlanPort = { name: 'text', type: 'int64', shape: [1, 77] };

interface Case {
  readonly why: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly context?: Partial<OptionContext>;
  /** Rules that are broken, with ATC's own code where it has one. */
  readonly rules: readonly string[];
}

function check({ options = {}, files = {}, context = {} }: Omit<Case, 'why' | 'rules'>): string[] {
  const problems = checkOptions({
    options: new Map(Object.entries(options)),
    files: new Map(Object.entries(files)),
    family: '310P',
    inputs: [IMAGE, TEXT],
    ...context,
  });
  return problems.map(({ rule, severity, atc }) =>
    [rule, ...(severity === 'warning' ? ['warning'] : []), ...(atc === undefined ? [] : [atc])].join(' '),
  );
}

const nchw = { input_format: 'NCHW' };
const dims = { input_format: 'ND', input_shape: 'image:-1,3,-1,224' };

const CASES: readonly Case[] = [
  { why: 'nothing is set', rules: [] },
  // 1. dynamic options
  {
    why: 'two dynamic options',
    options: { ...nchw, dynamic_batch_size: '1,2', dynamic_image_size: '1,2;3,4' },
    rules: ['dynamic-options E10009'],
  },
  {
    why: 'gears and a range',
    options: { ...nchw, dynamic_batch_size: '1,2', input_shape_range: 'image:[1~4,3,224,224]' },
    rules: ['dynamic-options E10009'],
  },
  {
    why: 'dynamic dims in another format than ND',
    context: { inputs: [OPEN] },
    options: { ...dims, input_format: 'NCHW', dynamic_dims: '1,2;3,4' },
    rules: ['dynamic-dims-format'],
  },
  {
    why: 'dynamic dims without a format, which is NCHW then',
    context: { inputs: [OPEN] },
    options: { input_shape: dims.input_shape, dynamic_dims: '1,2;3,4' },
    rules: ['dynamic-dims-format'],
  },
  { why: 'dynamic dims in ND', context: { inputs: [OPEN] }, options: { ...dims, dynamic_dims: '1,2;3,4' }, rules: [] },
  {
    why: 'dynamic dims with AIPP',
    context: { inputs: [OPEN] },
    options: { ...dims, dynamic_dims: '1,2;3,4' },
    files: { insert_op_conf: 'aipp_op { }' },
    rules: ['dynamic-dims-aipp', 'aipp-format E10052'],
  },
  { why: 'AIPP in NCHW', options: nchw, files: { insert_op_conf: 'aipp_op { }' }, rules: [] },
  // 2. precision modes
  {
    why: 'both precision modes',
    options: { precision_mode: 'force_fp16', precision_mode_v2: 'fp16' },
    rules: ['precision-modes E10056'],
  },
  { why: 'one precision mode', options: { precision_mode_v2: 'fp16' }, rules: [] },
  // 3. implementation modes
  { why: 'a list without a mode', options: { optypelist_for_implmode: 'Gelu' }, rules: ['implmode-list E10057'] },
  {
    why: 'a list with a mode for all',
    options: { optypelist_for_implmode: 'Gelu', op_select_implmode: 'high_precision_for_all' },
    rules: ['implmode-list'],
  },
  {
    why: 'a list with a mode',
    options: { optypelist_for_implmode: 'Gelu', op_select_implmode: 'high_precision' },
    rules: [],
  },
  {
    why: 'a mode that a file replaces',
    options: { op_select_implmode: 'high_precision' },
    files: { op_precision_mode: '[ByOpType]' },
    rules: ['op-precision-wins warning'],
  },
  // 4. nodes
  {
    why: 'float16 and AIPP on the first input',
    options: { ...nchw, input_fp16_nodes: 'image' },
    files: { insert_op_conf: 'aipp_op { aipp_mode: static }' },
    rules: ['fp16-aipp E10034'],
  },
  {
    why: 'float16 on one input and AIPP on another by rank',
    options: { ...nchw, input_fp16_nodes: 'image' },
    files: { insert_op_conf: 'aipp_op { related_input_rank: 1 }' },
    rules: [],
  },
  {
    why: 'float16 and AIPP on one input by name',
    options: { ...nchw, input_fp16_nodes: 'image;text' },
    files: { insert_op_conf: '# aipp_op\naipp_op { related_input_name: "text" }' },
    rules: ['fp16-aipp E10034'],
  },
  { why: 'float16 on no input', options: { input_fp16_nodes: 'picture' }, rules: ['unknown-input E10016'] },
  { why: 'both forms of out_nodes', options: { out_nodes: 'conv:0;out' }, rules: ['out-nodes-forms'] },
  { why: 'one form of out_nodes', options: { out_nodes: 'conv:0;pool:1' }, rules: [] },
  { why: 'a type for a node that is no output', options: { output_type: 'conv:0:FP16' }, rules: ['output-type-nodes'] },
  {
    why: 'a type for one output of two',
    options: { out_nodes: 'conv:0;pool:1', output_type: 'pool:1:FP16' },
    rules: [],
  },
  { why: 'a type for all outputs', options: { output_type: 'FP16' }, rules: [] },
  // 5. mixed precision
  { why: 'a mix list without a mode', files: { modify_mixlist: '{}' }, rules: ['mixlist-mode'] },
  {
    why: 'a mix list with another mode',
    options: { precision_mode: 'force_fp16' },
    files: { modify_mixlist: '{}' },
    rules: ['mixlist-mode'],
  },
  {
    why: 'a mix list with a mixed mode',
    options: { precision_mode_v2: 'mixed_float16' },
    files: { modify_mixlist: '{}' },
    rules: [],
  },
  {
    why: 'types to keep where all are kept',
    options: { precision_mode: 'must_keep_origin_dtype' },
    files: { keep_dtype: 'conv' },
    rules: ['keep-dtype-mode warning'],
  },
  // 6. chips and weights
  {
    why: 'both ways to compress weights',
    options: { enable_compress_weight: 'true' },
    files: { compress_weight_conf: 'conv' },
    rules: ['compress-weight E10047', 'option-age warning', 'option-age warning'],
  },
  { why: 'vector cores on 310P', options: { core_type: 'VectorCore' }, rules: [] },
  {
    why: 'vector cores elsewhere',
    options: { core_type: 'VectorCore' },
    context: { family: 'A2' },
    rules: ['chip-option E10055'],
  },
  {
    why: 'bfloat16 on 310P',
    options: { precision_mode_v2: 'mixed_bfloat16' },
    rules: ['chip-option E10055'],
  },
  { why: 'bfloat16 on A2', options: { precision_mode_v2: 'mixed_bfloat16' }, context: { family: 'A2' }, rules: [] },
  {
    why: 'hif8 on A2',
    options: { precision_mode_v2: 'cube_hif8' },
    context: { family: 'A2' },
    rules: ['chip-option E10055'],
  },
  {
    why: 'input_shape_range on 310B',
    options: { input_shape_range: 'image:[1~4,3,224,224]' },
    context: { family: '310B' },
    rules: ['chip-option E10055'],
  },
  {
    why: 'ranges on 310B',
    options: { input_shape: 'image:1~4,3,224,224' },
    context: { family: '310B', inputs: [OPEN] },
    rules: ['chip-option'],
  },
  { why: 'Caffe on A2', context: { family: 'A2', framework: 'caffe' }, rules: ['chip-option E10055'] },
  { why: 'Caffe on 310P', context: { framework: 'caffe' }, rules: [] },
  { why: 'a folder for what is not kept', options: { debug_dir: 'debug' }, rules: ['debug-dir warning'] },
  // 7. shapes
  { why: 'a model with open dimensions', context: { inputs: [OPEN] }, rules: ['open-dimension E10011'] },
  { why: 'a model without a rank', context: { inputs: [{ ...OPEN, shape: null }] }, rules: ['open-dimension E10011'] },
  {
    why: '-1 that no option covers',
    options: { input_shape: 'image:-1,3,224,224' },
    context: { inputs: [OPEN] },
    rules: ['open-dimension E10011'],
  },
  {
    why: 'sizes for open dimensions',
    options: { input_shape: 'image:4,3,224,224' },
    context: { inputs: [OPEN] },
    rules: [],
  },
  { why: 'ranges', options: { input_shape: 'image:1~4,3,1~-1,224' }, context: { inputs: [OPEN] }, rules: [] },
  { why: 'an input that is none', options: { input_shape: 'picture:1,3' }, rules: ['unknown-input E10016'] },
  { why: 'another rank', options: { input_shape: 'image:1,3,224' }, rules: ['input-shape-rank E10049'] },
  { why: 'another size', options: { input_shape: 'image:1,3,224,225' }, rules: ['input-shape-size E10050'] },
  {
    why: 'a size of 0',
    options: { input_shape: 'image:0,3,224,224' },
    context: { inputs: [OPEN] },
    rules: ['input-shape-positive E10011'],
  },
  { why: 'no shape', options: { input_shape: 'image' }, rules: ['input-shape-form E10002'] },
  { why: 'an input twice', options: { input_shape: 'text:1,77;text:1,77' }, rules: ['input-shape-form E10002'] },
  // gears
  {
    why: 'a batch without an open dimension',
    options: { ...nchw, dynamic_batch_size: '1,2' },
    rules: ['gears E10031'],
  },
  {
    why: 'a batch with an open height',
    options: { ...nchw, dynamic_batch_size: '1,2' },
    context: { inputs: [OPEN] },
    rules: ['gears E10018'],
  },
  {
    why: 'a batch',
    options: { ...nchw, dynamic_batch_size: '1,2', input_shape: 'image:-1,3,224,224' },
    context: { inputs: [OPEN, TEXT] },
    rules: [],
  },
  {
    why: 'one gear',
    options: { ...nchw, dynamic_batch_size: '4', input_shape: 'image:-1,3,224,224' },
    context: { inputs: [OPEN] },
    rules: ['gears E10035'],
  },
  {
    why: 'a gear twice',
    options: { ...dims, dynamic_dims: '1,2;1,2' },
    context: { inputs: [OPEN] },
    rules: ['gears E10039'],
  },
  {
    why: 'a gear of 0',
    options: { ...dims, dynamic_dims: '0,2;1,2' },
    context: { inputs: [OPEN] },
    rules: ['gears E10038'],
  },
  {
    why: 'gears of different lengths',
    options: { ...dims, dynamic_dims: '1,2;1' },
    context: { inputs: [OPEN] },
    rules: ['gears E10037'],
  },
  {
    why: 'too few numbers for each gear',
    options: { ...dims, dynamic_dims: '1;2' },
    context: { inputs: [OPEN] },
    rules: ['gears E10045'],
  },
  {
    why: 'more gears than 100',
    options: { ...dims, dynamic_dims: Array.from({ length: 101 }, (_, i) => `${i + 1},1`).join(';') },
    context: { inputs: [OPEN] },
    rules: ['gears E10036'],
  },
  {
    why: 'more gears than 100 on a chip that takes 256',
    options: { ...dims, dynamic_dims: Array.from({ length: 101 }, (_, i) => `${i + 1},1`).join(';') },
    context: { inputs: [OPEN], family: '950' },
    rules: [],
  },
  {
    why: 'an image size with an open batch',
    options: { ...nchw, dynamic_image_size: '224,224;448,448', input_shape: 'image:-1,3,224,224' },
    context: { inputs: [OPEN] },
    rules: ['gears E10019'],
  },
  {
    why: 'an image size of one number',
    options: { ...nchw, dynamic_image_size: '224;448', input_shape: 'image:1,3,-1,-1' },
    context: { inputs: [{ ...OPEN, shape: [1, 3, null, null] }] },
    rules: ['gears E10020'],
  },
  {
    why: 'an image size',
    options: { ...nchw, dynamic_image_size: '224,224;448,448', input_shape: 'image:1,3,-1,-1' },
    context: { inputs: [{ ...OPEN, shape: [1, 3, null, null] }] },
    rules: [],
  },
];

describe('options together', () => {
  test.each(CASES)('$why', ({ rules, ...rest }) => {
    expect(check(rest)).toEqual(rules);
  });
});

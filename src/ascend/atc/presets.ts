/** What the sample compiles, and where it finds ATC. */

/** Where the scripts are when nothing says otherwise; those of the sample. */
export const DEFAULT_SCRIPTS = {
  toolkit: '/usr/local/Ascend/ascend-toolkit/set_env.sh',
  operators: '/usr/local/Ascend/aie/set_env.sh',
} as const;

/** How one part of the sample is compiled. */
export interface Preset {
  /** The models to compile, the first that is there. */
  readonly models: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

/** The three compilations of the sample. */
export const PRESETS: ReadonlyMap<string, Preset> = new Map([
  ['clip', { models: ['clip/clip.onnx'], options: new Map([['input_format', 'ND']]) }],
  [
    'unet',
    {
      models: ['unet/unet_md.onnx', 'unet/unet.onnx'],
      options: new Map([
        ['input_format', 'NCHW'],
        ['optypelist_for_implmode', 'Gelu,Sigmoid'],
        ['op_select_implmode', 'high_performance'],
      ]),
    },
  ],
  ['vae', { models: ['vae/vae.onnx'], options: new Map([['input_format', 'NCHW']]) }],
]);

import type { PipelineBackend } from '../../diffusion/model-files.ts';
import {
  loadPrompts,
  NO_CATEGORY,
  PROMPT_FILE_TYPES,
  type Prompt,
  type PromptFileType,
} from '../../diffusion/prompts.ts';
import { type RenderOptions, renderPrompts } from '../../diffusion/render.ts';
import { SCHEDULER_NAMES, type SchedulerName } from '../../diffusion/schedulers/index.ts';
import { defineCommand, type FlagValues } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { printRendering, renderingPrinter } from '../print/run.ts';
import { cancellable } from '../signals.ts';

const FLAGS = {
  model: {
    kind: 'text',
    value: 'DIR',
    describe: 'checkpoint in diffusers layout: configurations, tokenizer and post_quant_conv are read',
    aliases: ['m'],
  },
  'model-dir': {
    kind: 'text',
    value: 'DIR',
    describe: 'folder with {clip,unet,vae}/*.om or *.onnx',
    default: './models',
    aliases: ['model_dir'],
  },
  'prompt-file': { kind: 'text', value: 'FILE', describe: 'prompts to render, UTF-8', aliases: ['prompt_file'] },
  'prompt-file-type': {
    kind: 'text',
    choices: PROMPT_FILE_TYPES,
    describe: 'plain: a prompt in each line; parti: tab-separated with a header',
    default: 'plain',
    aliases: ['prompt_file_type'],
  },
  prompt: { kind: 'list', value: 'TEXT', describe: 'a prompt in place of a file; may be given several times' },
  'max-num-prompts': {
    kind: 'number',
    value: 'N',
    describe: 'only the first N prompts of the file; 0 takes all',
    default: 0,
    aliases: ['max_num_prompts'],
  },
  'num-images-per-prompt': {
    kind: 'number',
    value: 'N',
    describe: 'images of each prompt',
    default: 1,
    aliases: ['num_images_per_prompt'],
  },
  'save-dir': {
    kind: 'text',
    value: 'DIR',
    describe: 'folder of the images, made if missing',
    default: './results',
    aliases: ['save_dir'],
  },
  'info-file-save-path': {
    kind: 'text',
    value: 'FILE',
    describe: 'JSON file that says which images belong to which prompt',
    default: './image_info.json',
    aliases: ['info_file_save_path'],
  },
  'contact-sheet': { kind: 'text', value: 'FILE', describe: 'also a PNG file with thumbnails of all images' },
  scheduler: { kind: 'text', choices: SCHEDULER_NAMES, describe: 'how noise is taken away', default: 'DDIM' },
  steps: { kind: 'number', value: 'N', describe: 'steps of the scheduler', default: 50 },
  'guidance-scale': {
    kind: 'text',
    value: 'X',
    describe: 'how far to follow the prompt; 1 and less switch guidance off',
    default: '7.5',
    aliases: ['guidance_scale'],
  },
  'negative-prompt': {
    kind: 'text',
    value: 'TEXT',
    describe: 'what the images are to stay away from',
    aliases: ['negative_prompt'],
  },
  seed: {
    kind: 'number',
    value: 'N',
    describe: 'seed of the noise, as of torch.manual_seed; a random one if not given',
  },
  'batch-size': {
    kind: 'number',
    value: 'N',
    describe: 'images at once; the models have to be made for it (they say so themselves if not given)',
    aliases: ['batch_size', 'bs'],
  },
  device: {
    kind: 'text',
    value: 'A[,B]',
    describe: 'NPU, or two that share the UNet (export --parallel)',
    default: '0',
  },
  backend: {
    kind: 'text',
    choices: ['ort', 'acl'],
    describe: 'ort: .onnx on the CPU; acl: .om on NPUs; by what is there if not given',
  },
  threads: { kind: 'number', value: 'N', describe: 'threads of onnxruntime; 0 lets it choose', default: 0 },
  timeout: {
    kind: 'number',
    value: 'S',
    describe: 'seconds that one run of a model may take on an NPU; no limit if not given',
  },
  resume: { kind: 'switch', describe: 'make only the images that an earlier run did not' },
} as const;

/** `sdgraph run`: prompts in, images out. */
export const run = defineCommand({
  name: 'run',
  summary: 'render prompts to images with the models of a folder, on NPUs or on the CPU',
  operands: [],
  flags: FLAGS,
  examples: [
    ['sdgraph run --model sd15 --model-dir models --prompt-file prompts.txt --device 0,1', 'on two chips of a card'],
    ['sdgraph run --model sd15 --prompt "a fox in the snow" --seed 1 --steps 20', 'one image that can be made again'],
    ['sdgraph run --model sd15 --prompt-file prompts.txt --resume', 'go on where a run was stopped'],
  ],
  run: async ({ flags, given }, output) => {
    const options = renderOptions(flags, given);
    const printer = await renderingPrinter(output);
    const { value: report, exitCode } = await cancellable(async (signal) => {
      signal.addEventListener('abort', printer.cancel);
      try {
        return await renderPrompts({ ...options, onEvent: printer.event, signal });
      } catch (error) {
        // Asked to end before there was anything to finish.
        if (error === signal.reason) return undefined;
        throw error;
      } finally {
        printer.stop();
      }
    });
    if (report === undefined) {
      output.document({ cancelled: true, images: [] });
      return exitCode ?? EXIT.failed;
    }
    output.document({ ...report, settings: { ...report.settings, seed: String(report.settings.seed) } });
    printRendering(report, output);
    return exitCode ?? EXIT.done;
  },
});

function renderOptions(flags: FlagValues<typeof FLAGS>, given: ReadonlySet<string>): RenderOptions {
  const { model, seed, timeout, 'batch-size': batchSize, 'contact-sheet': contactSheet } = flags;
  if (model === undefined) throw usageError('run needs --model', { hint: 'see sdgraph run --help' });
  return {
    model,
    modelDir: flags['model-dir'],
    prompts: prompts(flags, given),
    imagesPerPrompt: flags['num-images-per-prompt'],
    saveDir: flags['save-dir'],
    infoFile: flags['info-file-save-path'],
    scheduler: flags.scheduler as SchedulerName,
    steps: flags.steps,
    guidanceScale: scale(flags['guidance-scale']),
    negativePrompt: flags['negative-prompt'] ?? '',
    devices: devices(flags.device),
    threads: flags.threads,
    resume: flags.resume,
    keep: flags['prompt-file'] === undefined ? [] : [flags['prompt-file']],
    ...(seed === undefined ? {} : { seed }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    ...(contactSheet === undefined ? {} : { contactSheet }),
    ...(flags.backend === undefined ? {} : { backend: flags.backend as PipelineBackend }),
  };
}

function prompts(flags: FlagValues<typeof FLAGS>, given: ReadonlySet<string>): readonly Prompt[] {
  const { prompt: texts, 'prompt-file': file } = flags;
  if (texts.length > 0) {
    const clash = ['prompt-file', 'prompt-file-type', 'max-num-prompts'].find((name) => given.has(name));
    if (clash !== undefined) throw usageError(`--${clash} is for prompts of a file, and --prompt gives them here`);
    return texts.map((text, index) => ({ index, text, category: NO_CATEGORY }));
  }
  if (file === undefined) throw usageError('run needs --prompt-file or --prompt', { hint: 'see sdgraph run --help' });
  const type = flags['prompt-file-type'] as PromptFileType;
  return loadPrompts(file, { type, maxPrompts: flags['max-num-prompts'] }).prompts;
}

function scale(text: string): number {
  const value = /^-?\d+(?:\.\d+)?$/u.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return value;
  throw usageError('--guidance-scale takes a number', { found: `'${text}'` });
}

/** One device or two; which of them exist shows when they are opened. */
function devices(text: string): readonly number[] {
  const parts = text.split(',');
  const bad = parts.find((part) => !/^\d{1,3}$/u.test(part) || Number(part) > 255);
  if (bad !== undefined) {
    throw usageError('--device takes one number, or two with a comma', { expected: '0 to 255', found: `'${bad}'` });
  }
  if (parts.length > 2) throw usageError('--device takes one number, or two with a comma', { found: `'${text}'` });
  const ids = parts.map(Number);
  if (ids.length === 2 && ids[0] === ids[1]) {
    throw usageError('--device names the same device twice', { found: `'${text}'` });
  }
  return ids;
}

import { EXPORTED_MODELS, type ExportedName, exportCheckpoint } from '../../export/export.ts';
import { WEIGHT_PLACEMENTS, type WeightPlacement } from '../../export/place.ts';
import { defineCommand } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { printExport } from '../print/export.ts';
import { progressBar } from '../progress.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph export`: ONNX models from a checkpoint. */
export const exportCommand = defineCommand({
  name: 'export',
  summary: 'write the ONNX models of a Stable Diffusion checkpoint, without PyTorch',
  operands: [],
  flags: {
    model: {
      kind: 'text',
      value: 'DIR',
      describe: 'checkpoint in diffusers layout (text_encoder, unet, vae)',
      aliases: ['m'],
    },
    'output-dir': {
      kind: 'text',
      value: 'DIR',
      describe: 'folder for clip/clip.onnx, unet/unet.onnx and vae/vae.onnx',
      default: 'models',
      aliases: ['output_dir', 'o'],
    },
    'batch-size': {
      kind: 'number',
      value: 'N',
      describe: 'images in one run; the UNet takes twice as many latents',
      default: 1,
      aliases: ['batch_size', 'bs'],
    },
    parallel: {
      kind: 'switch',
      describe: 'for two devices: each runs one half of the guidance, and the UNet takes N latents',
      aliases: ['p'],
    },
    opset: { kind: 'number', value: 'N', describe: 'version of the standard operators, 11 to 21', default: 11 },
    only: { kind: 'text', value: 'A,B', describe: 'the models to export: clip, unet, vae; all if not given' },
    dtype: {
      kind: 'text',
      value: 'TYPE',
      describe: 'element type of the graphs: fp32 or fp16',
      choices: ['fp32', 'fp16'],
      default: 'fp32',
    },
    timestep: {
      kind: 'text',
      value: 'TYPE',
      describe: 'element type of the timestep: int64, as upstream has it, or int32',
      choices: ['int64', 'int32'],
      default: 'int64',
    },
    'vae-post-quant': { kind: 'switch', describe: 'put post_quant_conv into the VAE; sdgraph run computes it itself' },
    weights: {
      kind: 'text',
      value: 'WHERE',
      describe:
        'reference: models name ranges of the checkpoint, where its files are in their folders; link: a hard link beside each model; copy',
      choices: WEIGHT_PLACEMENTS,
      default: 'reference',
    },
    fold: {
      kind: 'switch',
      describe: 'copy weights in the type and order that the graphs want, instead of Cast and Transpose nodes',
    },
    variant: { kind: 'text', value: 'NAME', describe: 'take NAME.VARIANT.safetensors, such as fp16' },
    'follow-links': { kind: 'switch', describe: 'read the checkpoint through links, wherever they lead' },
  },
  examples: [
    [
      'sdgraph export --model stable-diffusion-v1-5 --output-dir models_bs1',
      'all three models for one image at a time',
    ],
    [
      'sdgraph export --model sd21 --output-dir sd21 --weights reference',
      'into the checkpoint itself: the weights of UNet and VAE stay where they are',
    ],
  ],
  run: async ({ flags, given }, output) => {
    const { model, only, fold } = flags;
    if (model === undefined) throw usageError('export needs --model', { hint: 'see sdgraph export --help' });
    if (fold && given.has('weights') && flags.weights !== 'copy') {
      throw usageError('--fold writes other weights than the checkpoint has, so they are copied', {
        found: `--weights ${flags.weights}`,
      });
    }
    const names = only === undefined ? undefined : modelNames(only);
    const bar = await progressBar('export', output);
    const report = await interruptible(async () =>
      exportCheckpoint({
        model,
        outputDir: flags['output-dir'],
        batchSize: flags['batch-size'],
        parallel: flags.parallel,
        opset: flags.opset,
        ...(names === undefined ? {} : { only: names }),
        dtype: flags.dtype as 'fp32' | 'fp16',
        timestep: flags.timestep as 'int64' | 'int32',
        vaePostQuant: flags['vae-post-quant'],
        weights: fold ? 'copy' : (flags.weights as WeightPlacement),
        fold,
        ...(flags.variant === undefined ? {} : { variant: flags.variant }),
        followLinks: flags['follow-links'],
        onProgress: bar.update,
      }),
    ).finally(() => bar.stop());
    output.document(report);
    printExport(report, output);
    return EXIT.done;
  },
});

function modelNames(text: string): readonly ExportedName[] {
  return text.split(',').map((part) => {
    const name = EXPORTED_MODELS.find((each) => each === part.trim());
    if (name === undefined) {
      throw usageError('--only does not take that', {
        expected: `some of ${EXPORTED_MODELS.join(', ')}`,
        found: `'${part}'`,
      });
    }
    return name;
  });
}

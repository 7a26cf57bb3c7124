import { writeFileAtomic } from '../../io/atomic.ts';
import { openModel } from '../../io/open.ts';
import { EXTERNAL_DATA_POLICIES, type ExternalDataPolicy } from '../../io/placement.ts';
import { saveModel } from '../../io/save.ts';
import { modelHeader, optimizeReport } from '../../report/optimize.ts';
import { pipeline } from '../../rewrite/pipeline.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../errors.ts';
import { checkOutputs } from '../outputs.ts';
import { planPasses } from '../plan.ts';
import { printHeader, printOptimize } from '../print/optimize.ts';
import { printProof } from '../print/verify.ts';
import { progressBar } from '../progress.ts';
import { checkVerifiable, proveRewrite } from '../prove.ts';
import { interruptible } from '../signals.ts';

/** `sdgraph optimize`: upstream's `modify_onnx.py` and more. */
export const optimize = defineCommand({
  name: 'optimize',
  summary: 'rewrite a UNet for an Ascend NPU, as upstream does or with passes of your choice',
  operands: [],
  flags: {
    model: { kind: 'text', value: 'FILE', describe: 'the model to rewrite', default: 'models/unet/unet.onnx' },
    'new-model': {
      kind: 'text',
      value: 'FILE',
      describe: 'where the result goes; --model itself with --in-place',
      default: 'models/unet/unet_md.onnx',
      aliases: ['new_model'],
    },
    'fa-soc': {
      kind: 'text',
      choices: ['None', 'Duo', 'A2'],
      describe: 'fuse attentions for Atlas 300I Duo or Atlas 800I A2',
      default: 'None',
      aliases: ['FA_soc'],
    },
    tome: {
      kind: 'number',
      value: 'N',
      describe: 'merge tokens in the first N full-resolution blocks; lossy',
      default: 0,
      aliases: ['TOME_num'],
    },
    'faster-gelu': {
      kind: 'switch',
      describe: 'fuse GEGLU into one operator; lossy',
      aliases: ['faster_gelu'],
    },
    target: {
      kind: 'text',
      value: 'NAME',
      describe: 'chip and SDK: a built-in profile or a JSON file; its flash attention is used unless --fa-soc None',
    },
    seed: { kind: 'number', value: 'N', describe: 'seed of the tokens that stay when tokens are merged', default: 0 },
    'tome-indices': {
      kind: 'text',
      value: 'FILE|corner',
      describe: 'which tokens stay, in place of random ones: lists from a JSON file, or one corner of each cell',
    },
    passes: { kind: 'text', value: 'A,B,C', describe: 'run these passes, in this order, in place of the recipe' },
    set: { kind: 'list', value: 'PASS.OPTION=VALUE', describe: 'set an option of a pass of --passes; repeatable' },
    'allow-missing': { kind: 'switch', describe: 'go on when a rewrite finds fewer places than asked for' },
    'dry-run': { kind: 'switch', describe: 'report what would be done, write no model' },
    verify: {
      kind: 'switch',
      describe:
        'compare what was written with the input on the CPU, as the command verify does; name the pass that went wrong',
    },
    report: { kind: 'text', value: 'FILE', describe: 'also write the JSON report to a file' },
    'external-data': {
      kind: 'text',
      choices: EXTERNAL_DATA_POLICIES,
      describe: 'where weights go; auto leaves them where they are unless the folder changes',
      default: 'auto',
    },
    'in-place': { kind: 'switch', describe: 'allow the result to replace the model' },
    'follow-links': { kind: 'switch', describe: 'read external data through links, also outside the folder' },
  },
  examples: [
    ['sdgraph optimize --model unet.onnx --new-model unet_md.onnx --fa-soc Duo --tome 5', "upstream's recipe"],
    ['sdgraph optimize --model unet.onnx --new-model unet_md.onnx --fa-soc Duo --verify', 'and prove it on the CPU'],
    ['sdgraph optimize --model unet.onnx --passes remove-zero-add --in-place', 'one pass, in place'],
  ],
  run: async ({ flags, given }, output) => {
    const started = performance.now();
    const passes = await planPasses(flags, given);
    const path = flags['in-place'] && !given.has('new-model') ? flags.model : flags['new-model'];
    if (flags.verify) checkVerifiable(flags.model, path, flags['dry-run']);
    using model = await openModel(flags.model, { followLinks: flags['follow-links'] });
    checkOutputs({ model, newModel: flags['dry-run'] ? undefined : path, report: flags.report });
    const input = modelHeader(model);
    printHeader(input, output);
    const report = await pipeline(passes).run(model, { allowMissing: flags['allow-missing'] });
    const bar = await progressBar('saving', output);
    const save = flags['dry-run']
      ? undefined
      : await interruptible(() =>
          saveModel(model, path, {
            externalData: flags['external-data'] as ExternalDataPolicy,
            inPlace: flags['in-place'],
            onProgress: bar.update,
          }),
        );
    bar.stop();
    const saved = save === undefined ? undefined : { report: save, model };
    const rewritten = optimizeReport({ input, report, saved, milliseconds: performance.now() - started });
    printOptimize(rewritten, output);
    const verified = flags.verify ? await proveRewrite(flags.model, path, { passes, flags, output }) : undefined;
    if (verified !== undefined) printProof(verified, path, output);
    const result = { ...rewritten, verify: verified ?? null };
    if (flags.report !== undefined) writeFileAtomic(flags.report, `${JSON.stringify(result, undefined, 2)}\n`);
    output.document(result);
    return result.verify?.ok === false ? EXIT.failed : EXIT.done;
  },
});

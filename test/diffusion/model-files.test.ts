import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findModels, holdsPostQuantConv } from '../../src/diffusion/model-files.ts';
import { saveBytes } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { expectError } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';
import { torchExport } from '../support/tiny-sd.ts';

function folder(...files: readonly string[]): string {
  const dir = tempDir();
  for (const file of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), '');
  }
  return dir;
}

const ONNX = ['clip/clip.onnx', 'unet/unet.onnx', 'vae/vae.onnx'];
const OM = ['clip/clip.om', 'unet/unet.om', 'vae/vae.om'];

describe('finds', () => {
  test.each([
    { why: 'exported models', files: ONNX, backend: undefined, kind: 'ort', unet: 'unet/unet.onnx' },
    {
      why: 'the optimized UNet',
      files: [...ONNX, 'unet/unet_md.onnx'],
      backend: undefined,
      kind: 'ort',
      unet: 'unet/unet_md.onnx',
    },
    { why: 'compiled models', files: [...ONNX, ...OM], backend: undefined, kind: 'acl', unet: 'unet/unet.om' },
    { why: 'exported ones on request', files: [...ONNX, ...OM], backend: 'ort', kind: 'ort', unet: 'unet/unet.onnx' },
    {
      why: 'the complete kind',
      files: [...ONNX, 'clip/clip.om'],
      backend: undefined,
      kind: 'ort',
      unet: 'unet/unet.onnx',
    },
  ] as const)('$why', ({ files, backend, kind, unet }) => {
    const dir = folder(...files);
    expect(findModels(dir, backend)).toMatchObject({ backend: kind, unet: join(dir, unet) });
  });

  test.each([
    { files: [], backend: undefined, missing: 'clip/clip.om, unet/unet.om, vae/vae.om' },
    { files: OM.slice(0, 2), backend: undefined, missing: 'vae/vae.om' },
    { files: ['clip/clip.onnx', 'vae/vae.onnx', 'unet/unet.om'], backend: undefined, missing: 'unet/unet_md.onnx' },
    { files: OM, backend: 'ort', missing: 'clip/clip.onnx, unet/unet_md.onnx, vae/vae.onnx' },
  ] as const)('what is missing beside $files', ({ files, backend, missing }) => {
    expect(expectError('E_MODELS', () => findModels(folder(...files), backend)).expected).toBe(missing);
  });

  test('that there is no folder', () => {
    expectError('E_MODELS', () => findModels(join(tempDir(), 'models')));
  });
});

describe('a post_quant_conv inside of the decoder', () => {
  async function decoder(kernel: number, steps: readonly ('Cast' | 'Mul')[], isCast: boolean): Promise<string> {
    const model = buildModel(11, (g) => {
      let x = g.input('latents', [1, 4, 8, 8]);
      for (const step of steps) {
        x =
          step === 'Cast'
            ? g.op('Cast', [x], { attributes: [Attribute.int('to', 1)] })
            : g.op('Mul', [x, g.scalar(5.5)]);
      }
      const weight = g.floats(
        Array.from({ length: 16 * kernel * kernel }, () => 0.1),
        [4, 4, kernel, kernel],
      );
      // Weights of another type than the graph's come through a Cast.
      const cast = isCast ? g.op('Cast', [weight], { attributes: [Attribute.int('to', 1)] }) : weight;
      const attributes = isCast ? [Attribute.ints('kernel_shape', [kernel, kernel])] : [];
      g.output(g.op('Conv', [x, cast], { outputs: ['image'], attributes }));
    });
    const path = join(tempDir(), 'vae.onnx');
    writeFileSync(path, await saveBytes(model));
    return path;
  }

  test.each([
    { kernel: 1, steps: [], wanted: true },
    { kernel: 1, steps: ['Mul', 'Cast'], wanted: true },
    { kernel: 3, steps: [], wanted: false },
    { kernel: 3, steps: ['Cast'], wanted: false },
  ] as const)('kernel $kernel after $steps', async ({ kernel, steps, wanted }) => {
    for (const isCast of [false, true]) {
      expect(await holdsPostQuantConv(await decoder(kernel, steps, isCast))).toBe(wanted);
    }
  });

  test('is not in what the sample exports', async () => {
    const path = join(tempDir(), 'vae.onnx');
    writeFileSync(path, torchExport('sd21', 'vae'));
    expect(await holdsPostQuantConv(path)).toBe(false);
  });
});

import { appendFileSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { validateFiles } from '../../../src/validate/validate.ts';
import { compilation } from '../../support/atc-run.ts';

interface Compiled {
  readonly dir: string;
  readonly om: string;
}

async function compiled(): Promise<Compiled> {
  const { dir, run } = await compilation({ external: true });
  expect((await run()).ok).toBe(true);
  return { dir, om: join(dir, 'unet/unet.om') };
}

/** Rules about where the file came from, and whether the file passes. */
async function check(file: string): Promise<{ ok: boolean; rules: string[] }> {
  const { ok, files } = await validateFiles([file]);
  const ours = /^om-(?:from-model|not-|model-missing|record-|fits-|other-)/;
  return {
    ok,
    rules: files.flatMap(({ findings }) => findings).flatMap(({ rule }) => (ours.test(rule) ? [rule] : [])),
  };
}

test('the record proves from which model a file was compiled', async () => {
  const { om } = await compiled();
  expect(await check(om)).toEqual({ ok: true, rules: ['om-from-model'] });
  const [report] = (await validateFiles([om])).files;
  expect(report?.findings.at(-1)?.message).toBe('compiled from unet/unet_md.onnx for Ascend310P3');
});

describe('without a record', () => {
  test('the file is compared with the model that it names, where that is beside it', async () => {
    const { dir, om } = await compiled();
    rmSync(join(dir, 'sdgraph.lock.json'));
    expect(await check(om)).toEqual({ ok: true, rules: ['om-fits-model'] });
    copyFileSync(join(dir, 'vae/vae.onnx'), join(dir, 'unet/unet_md.onnx'));
    const { ok, rules } = await check(om);
    expect({ ok, rules: [...new Set(rules)] }).toEqual({ ok: false, rules: ['om-other-input', 'om-other-output'] });
  });

  test.each(['gone', 'no model'])('nothing is said when that is %s', async (what) => {
    const { dir, om } = await compiled();
    rmSync(join(dir, 'sdgraph.lock.json'));
    if (what === 'gone') rmSync(join(dir, 'unet/unet_md.onnx'));
    else writeFileSync(join(dir, 'unet/unet_md.onnx'), 'text');
    expect(await check(om)).toEqual({ ok: true, rules: [] });
  });
});

describe('it is told when', () => {
  test.each<[string, (compiled: Compiled) => void, boolean, string]>([
    [
      'the model changed',
      ({ dir }) => copyFileSync(join(dir, 'vae/vae.onnx'), join(dir, 'unet/unet_md.onnx')),
      false,
      'om-not-from-model',
    ],
    [
      'its data changed',
      ({ dir }) => {
        const data = readdirSync(join(dir, 'unet')).find((name) => name.endsWith('.data')) ?? '';
        appendFileSync(join(dir, 'unet', data), 'x');
      },
      false,
      'om-not-from-model',
    ],
    ['the model is gone', ({ dir }) => rmSync(join(dir, 'unet/unet_md.onnx')), true, 'om-model-missing'],
    [
      'the file is that of another model',
      ({ dir, om }) => copyFileSync(join(dir, 'vae/vae.om'), om),
      false,
      'om-not-as-compiled',
    ],
    [
      'the record is damaged',
      ({ dir }) => writeFileSync(join(dir, 'sdgraph.lock.json'), '{'),
      true,
      'om-record-invalid',
    ],
    [
      'the record leads elsewhere',
      ({ dir }) => {
        const path = join(dir, 'sdgraph.lock.json');
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"unet/unet_md.onnx"', '"../../etc/passwd"'));
      },
      true,
      'om-record-invalid',
    ],
  ])('%s', async (_, change, ok, rule) => {
    const made = await compiled();
    change(made);
    expect(await check(made.om)).toEqual({ ok, rules: [rule] });
  });

  test('the record does not name the file', async () => {
    const { dir, om } = await compiled();
    copyFileSync(om, join(dir, 'unet/copy.om'));
    expect(await check(join(dir, 'unet/copy.om'))).toEqual({ ok: true, rules: ['om-not-recorded', 'om-fits-model'] });
  });
});

import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openModel } from '../../src/io/open.ts';
import type { ExternalDataPolicy } from '../../src/io/placement.ts';
import { type SaveOptions, saveBytes, saveModel } from '../../src/io/save.ts';
import { floatTensor, stringTensor } from '../../src/ir/constants.ts';
import type { Tensor } from '../../src/ir/tensor.ts';
import { expectRejection } from '../support/errors.ts';
import { type ExternalTensor, externalModel, someBytes, writeExternal } from '../support/external-model.ts';
import { contents, convert, tensorOf, withModel } from '../support/model-files.ts';
import { expectSameBytes } from '../support/same-bytes.ts';
import { tempDir } from '../support/temp-dir.ts';

const WEIGHTS = { 'w.bin': someBytes(20_000), 'sub/v.bin': someBytes(400, 2), whole: someBytes(64, 3) };
const TENSORS: readonly ExternalTensor[] = [
  { name: 'a', location: 'w.bin', count: 1000, offset: 0, length: 4000 },
  { name: 'b', location: './w.bin', count: 2000, offset: 8192, length: 8000, entries: { checksum: 'abc' } },
  { name: 'c', location: 'sub/v.bin', count: 50, offset: 200 },
  { name: 'd', location: 'whole', count: 16 },
  { name: 'tied', location: 'w.bin', count: 1000, offset: 0, length: 4000 },
];

/** A folder with a model `in.onnx` and its weights. */
function sample(): { dir: string; path: string } {
  const dir = tempDir();
  const path = join(dir, 'in.onnx');
  writeExternal(path, externalModel(TENSORS, [someBytes(4096, 4), someBytes(16, 5)]), WEIGHTS);
  return { dir, path };
}

/** Files below a folder, with their sizes. */
function files(dir: string): Record<string, number> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  const plain = names.filter((name) => statSync(join(dir, name)).isFile());
  return Object.fromEntries(plain.toSorted().map((name) => [name, statSync(join(dir, name)).size]));
}

describe('where weights go', () => {
  test('beside the source they stay where they are: not one byte of them is written', async () => {
    const { dir, path } = sample();
    const before = files(dir);
    const report = await convert(path, join(dir, 'out.onnx'));
    expect(report).toMatchObject({ externalData: 'reuse', files: [{ path: join(dir, 'out.onnx') }] });
    expectSameBytes(readFileSync(join(dir, 'out.onnx')), readFileSync(path));
    expect(files(dir)).toEqual({ ...before, 'out.onnx': before['in.onnx'] });
  });

  test('beside the source through a link to the folder, too', async () => {
    const { dir, path } = sample();
    const link = join(tempDir(), 'link');
    symlinkSync(dir, link);
    expect(await convert(path, join(link, 'out.onnx'))).toMatchObject({ externalData: 'reuse' });
    expect(await convert(join(link, 'in.onnx'), join(dir, 'out2.onnx'))).toMatchObject({ externalData: 'reuse' });
  });

  test('elsewhere they go to one file named by its checksum; small ones inside stay inside', async () => {
    const { path } = sample();
    const out = tempDir();
    const report = await convert(path, join(out, 'm.onnx'));
    const data = basename(report.files[0]?.path ?? '');
    expect(data).toMatch(/^m\.onnx\.[0-9a-f]{8}\.data$/u);
    expect(report).toMatchObject({
      externalData: 'single',
      files: [{ path: join(out, data) }, { path: join(out, 'm.onnx') }],
    });
    expect(report.files.map(({ path: file, bytes }) => [basename(file), bytes])).toEqual(
      Object.entries(files(out)).toReversed(),
    );
    expect(await contents(join(out, 'm.onnx'))).toEqual(await contents(path));
    await withModel(join(out, 'm.onnx'), async ({ graph }) => {
      const ranges = graph.initializers
        .map(({ initializer }) => initializer as Tensor)
        .filter(({ storage }) => storage.kind === 'external')
        .map((tensor) => [tensor.name, tensor.externalRange()] as const);
      expect(ranges.map(([name]) => name)).toEqual(['a', 'b', 'c', 'd', 'tied', 'inline0']);
      for (const [, { offset, location }] of ranges) expect([offset % 4096, location]).toEqual([0, data]);
      const places = new Map(ranges.map(([name, { offset }]) => [name, offset]));
      expect(places.get('tied')).toBe(places.get('a'));
      const storage = tensorOf(graph, 'b').storage;
      expect(storage.kind === 'external' && storage.entries.get('checksum')).toBe('abc');
    });
  });

  test('a model without external tensors goes elsewhere as it is', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'in.onnx'), externalModel([], [someBytes(8000)]));
    const report = await convert(join(dir, 'in.onnx'), join(tempDir(), 'out.onnx'));
    expect(report).toMatchObject({ externalData: 'reuse', encoded: 0 });
  });

  test('saving twice gives the same files, and saving the copy in place changes nothing', async () => {
    const { path } = sample();
    const [first, second] = [tempDir(), tempDir()];
    await convert(path, join(first, 'm.onnx'));
    await convert(path, join(second, 'm.onnx'));
    const snapshot = (dir: string): string[] =>
      Object.keys(files(dir)).map((name) => readFileSync(join(dir, name), 'base64'));
    expect(snapshot(second)).toEqual(snapshot(first));
    expect(files(second)).toEqual(files(first));
    const before = snapshot(first);
    await convert(join(first, 'm.onnx'), join(first, 'm.onnx'), { externalData: 'single', inPlace: true });
    expect(snapshot(first)).toEqual(before);
  });

  test.each<[ExternalDataPolicy, string[]]>([
    ['copy', ['m.onnx', 'sub/v.bin', 'w.bin', 'whole']],
    ['inline', ['m.onnx']],
    ['single', ['m.onnx', expect.stringMatching(/\.data$/u) as string]],
  ])('%s', async (externalData, expected) => {
    const { path } = sample();
    const out = tempDir();
    const report = await convert(path, join(out, 'm.onnx'), { externalData });
    expect(report.externalData).toBe(externalData);
    expect(Object.keys(files(out))).toEqual(expected);
    expect(await contents(join(out, 'm.onnx'))).toEqual(await contents(path));
    const written = Object.values(files(out)).reduce((sum, bytes) => sum + bytes, 0);
    expect(report.files.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(written);
  });

  test('reuse in a folder above the weights; not in one below or beside', async () => {
    const { dir, path } = sample();
    const up = join(dirname(dir), `${basename(dir)}.onnx`);
    const outer = tempDir();
    mkdirSync(join(outer, 'deep'));
    writeExternal(join(outer, 'deep', 'in.onnx'), readFileSync(path), WEIGHTS);
    await convert(join(outer, 'deep', 'in.onnx'), join(outer, 'm.onnx'), { externalData: 'reuse' });
    expect(await contents(join(outer, 'm.onnx'))).toEqual(await contents(path));
    for (const target of [join(tempDir(), 'm.onnx'), join(dir, 'sub', 'm.onnx')]) {
      await expectRejection('E_EXTERNAL_ESCAPES', () => convert(path, target, { externalData: 'reuse' }));
      expect(existsSync(target)).toBe(false);
    }
    expect(existsSync(up)).toBe(false);
  });

  test('new tensors of every kind, among them one of another model', async () => {
    const { dir, path } = sample();
    const other = sample();
    await withModel(other.path, async (donor) => {
      await withModel(path, async (model) => {
        const borrowed = tensorOf(donor.graph, 'b');
        model.graph.addInitializer(borrowed.renamed('borrowed'));
        model.graph.addInitializer(
          floatTensor(
            Array.from({ length: 512 }, (_, i) => i),
            [512],
            'memory',
          ),
        );
        model.graph.addInitializer(stringTensor([someBytes(3000)], [1], 'text'));
        const target = join(dir, 'out.onnx');
        await expectRejection('E_EXTERNAL_ESCAPES', () => saveModel(model, target, { externalData: 'reuse' }));
        expect(await saveModel(model, target)).toMatchObject({ externalData: 'single' });
        const found = await withModel(target, async ({ graph }) => ({
          borrowed: tensorOf(graph, 'borrowed').read(),
          memory: tensorOf(graph, 'memory').storage.kind,
          text: tensorOf(graph, 'text').strings()[0],
        }));
        expect(found).toEqual({ borrowed: borrowed.read(), memory: 'external', text: someBytes(3000) });
      });
    });
  });

  test('progress reaches the number of bytes written', async () => {
    const { path } = sample();
    const steps: [number, number][] = [];
    const out = tempDir();
    const report = await convert(path, join(out, 'm.onnx'), { onProgress: (done, total) => steps.push([done, total]) });
    const [done, total] = steps.at(-1) ?? [0, 1];
    expect(done).toBe(total);
    expect(done).toBe(report.encoded + report.copied);
    expect(steps.map(([each]) => each)).toEqual(steps.map(([each]) => each).toSorted((a, b) => a - b));
  });
});

describe('what must not be replaced', () => {
  test.each<[string, (dir: string) => string]>([
    ['the input', (dir) => join(dir, 'in.onnx')],
    ['the input by another spelling', (dir) => `${dir}/sub/../in.onnx`],
    ['a symbolic link to the input', (dir) => link(symlinkSync, dir, 'in.onnx')],
    ['a hard link to the input', (dir) => link(linkSync, dir, 'in.onnx')],
    ['the weights', (dir) => join(dir, 'w.bin')],
    ['a symbolic link to the weights', (dir) => link(symlinkSync, dir, 'sub/v.bin')],
  ])('%s', async (_, target) => {
    const { dir, path } = sample();
    const to = target(dir);
    const before = files(dir);
    await expectRejection('E_OVERWRITES_INPUT', () => convert(path, to));
    expect(files(dir)).toEqual(before);
  });

  function link(make: (from: string, to: string) => void, dir: string, name: string): string {
    const path = join(dir, 'link.onnx');
    make(join(dir, name), path);
    return path;
  }

  test('a hard link to the weights (their file is then refused anyhow)', async () => {
    const { dir, path } = sample();
    await withModel(path, async (model) => {
      linkSync(join(dir, 'w.bin'), join(dir, 'link.onnx'));
      await expectRejection('E_OVERWRITES_INPUT', () => saveModel(model, join(dir, 'link.onnx')));
    });
  });

  test('in place only when told; the weights not even then', async () => {
    const { dir, path } = sample();
    const before = await contents(path);
    await withModel(path, async (model) => {
      for (const node of model.graph.nodes) node.name = 'edited';
      await saveModel(model, path, { inPlace: true });
    });
    expect(await contents(path)).toEqual(before);
    await withModel(path, async (model) => expect(model.graph.nodes.first?.name).toBe('edited'));
    await expectRejection('E_OVERWRITES_INPUT', () => convert(path, join(dir, 'w.bin'), { inPlace: true }));
  });

  test('copy replaces no file, and no data file takes the name of the model', async () => {
    const { path } = sample();
    const out = tempDir();
    writeFileSync(join(out, 'whole'), 'mine');
    await expectRejection('E_FILE_WRITE', () => convert(path, join(out, 'm.onnx'), { externalData: 'copy' }));
    expect(files(out)).toEqual({ whole: 4 });
    const empty = tempDir();
    await expectRejection('E_FILE_WRITE', () => convert(path, join(empty, 'whole'), { externalData: 'copy' }));
    expect(files(empty)).toEqual({});
  });

  test('a save that fails in the middle leaves no file behind', async () => {
    const { path } = sample();
    const out = tempDir();
    const stop = new Error('stop');
    const failing: SaveOptions[] = [
      {
        externalData: 'single',
        onProgress: (done, total) => {
          if (done === total) throw stop;
        },
      },
      {
        externalData: 'copy',
        onProgress: (done) => {
          if (done > 13_000) throw stop;
        },
      },
    ];
    for (const options of failing) {
      await expect(convert(path, join(out, 'm.onnx'), options)).rejects.toBe(stop);
      expect(files(out)).toEqual({});
    }
  });

  test('a file where a folder is needed', async () => {
    const { path } = sample();
    const out = tempDir();
    writeFileSync(join(out, 'sub'), '');
    await expectRejection('E_FILE_WRITE', () => convert(path, join(out, 'm.onnx'), { externalData: 'copy' }));
    await expectRejection('E_FILE_WRITE', () => convert(path, join(out, 'missing', 'm.onnx')));
    await expectRejection('E_FILE_WRITE', () => convert(path, `${out}/a\0b`));
  });
});

describe('files that are not what they were', () => {
  test('the model was written to since it was opened', async () => {
    const { dir, path } = sample();
    await withModel(path, async (model) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0));
      utimesSync(path, 1, 1);
      await expectRejection('E_FILE_CHANGED', () => saveModel(model, join(dir, 'out.onnx')));
      await expectRejection('E_FILE_CHANGED', () => saveBytes(model));
      expect(existsSync(join(dir, 'out.onnx'))).toBe(false);
    });
  });

  test('the model was closed', async () => {
    const { dir, path } = sample();
    const model = await openModel(path);
    model.close();
    await expectRejection('E_MODEL_CLOSED', () => saveModel(model, join(dir, 'out.onnx')));
    await expectRejection('E_MODEL_CLOSED', () => saveBytes(model));
    const fromBytes = await openModel(externalModel([], [someBytes(16)]));
    fromBytes.close();
    await expectRejection('E_MODEL_CLOSED', () => saveBytes(fromBytes));
  });

  test('weights that are not there matter only to who reads them', async () => {
    const dir = tempDir();
    const path = join(dir, 'in.onnx');
    writeFileSync(path, externalModel([{ name: 'w', location: 'w.bin', count: 4 }]));
    await convert(path, join(dir, 'out.onnx'));
    const missing = await expectRejection('E_EXTERNAL_MISSING', () => convert(path, join(tempDir(), 'out.onnx')));
    expect(missing.where).toMatchObject({ name: 'w', file: join(dir, 'w.bin') });
    const fromBytes = await openModel(readFileSync(path));
    expectSameBytes(await saveBytes(fromBytes), readFileSync(path));
    await saveModel(fromBytes, join(dir, 'out2.onnx'), { externalData: 'reuse' });
    expectSameBytes(readFileSync(join(dir, 'out2.onnx')), readFileSync(path));
    await expectRejection('E_EXTERNAL_MISSING', () => saveModel(fromBytes, join(dir, 'out3.onnx')));
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { saveBytes } from '../../src/io/save.ts';
import { DataType } from '../../src/ir/data-type.ts';
import { loadConfig } from '../../src/validate/config.ts';
import { ruleSummaries, type ValidationReport, validateFiles } from '../../src/validate/validate.ts';
import { expectRejection } from '../support/errors.ts';
import { buildModel } from '../support/model-builder.ts';
import { tempDir } from '../support/temp-dir.ts';

let folder: string;

beforeEach(() => {
  folder = tempDir();
});

/** A model `y = x + 1` of this shape, written to a file. */
async function write(name: string, shape: readonly number[] = [1, 4], constant = 1): Promise<string> {
  const model = buildModel(13, (graph) => {
    const x = graph.input('x', shape);
    graph.output(graph.op('Add', [x, graph.scalar(constant)], { name: 'add', outputs: ['y'] }), shape);
  });
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, await saveBytes(model));
  return path;
}

async function withConfig(config: object, ...files: readonly string[]): Promise<ValidationReport> {
  const path = join(folder, 'sdgraph.json');
  writeFileSync(path, JSON.stringify(config));
  return validateFiles(files, { config: await loadConfig(path) });
}

function rulesOf({ files }: ValidationReport): string[] {
  return files.flatMap(({ findings }) => findings.map(({ rule }) => rule));
}

test('a sound model passes, with its hash and size', async () => {
  const report = await validateFiles([await write('a.onnx')]);
  expect(report).toMatchObject({ ok: true, files: [{ ok: true, findings: [] }] });
  expect(report.files[0]?.sha256).toMatch(/^[0-9a-f]{64}$/u);
});

describe('a file that cannot be read is a finding, not an exception', () => {
  test.each([
    ['missing', undefined],
    ['empty', new Uint8Array(0)],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1')],
    ['cut off', Buffer.from([0x3a, 0xff, 0x01, 0x00])],
  ])('%s', async (_why, bytes) => {
    const path = join(folder, 'bad.onnx');
    if (bytes !== undefined) writeFileSync(path, bytes);
    const report = await validateFiles([path, await write('good.onnx')]);
    expect(report.files.map(({ ok }) => ok)).toEqual([false, true]);
    expect(rulesOf(report)).toEqual(['unreadable']);
  });
});

describe('expectations', () => {
  const good = {
    file: 'a.onnx',
    opset: { min: 11, max: 17 },
    irVersion: { max: 8 },
    maxBytes: 10_000,
    maxWeightBytes: 4,
    inputs: { x: { dtype: 'float32', shape: [1, 4] } },
    outputs: { y: { shape: [null, 4] } },
    operators: { required: { Add: 1 }, allowed: ['Add'], forbidden: ['Softmax'] },
  };

  test('that hold find nothing', async () => {
    expect(await withConfig({ models: [good] }, await write('a.onnx'))).toMatchObject({ ok: true });
  });

  test.each([
    ['opset-range', { opset: { max: 12 } }],
    ['opset-range', { irVersion: { min: 9 } }],
    ['too-large', { maxBytes: 10 }],
    ['too-large', { maxWeightBytes: 3 }],
    ['other-hash', { sha256: '0'.repeat(64) }],
    ['other-input', { inputs: { x: { dtype: 'int64' } } }],
    ['other-input', { inputs: { x: { shape: [1, 5] } } }],
    ['other-output', { outputs: { y: {}, z: {} } }],
    ['other-output', { outputs: {} }],
    ['operator-count', { operators: { required: { Add: { min: 2 } } } }],
    ['operator-not-allowed', { operators: { allowed: ['Mul'] } }],
    ['operator-not-allowed', { operators: { forbidden: ['Add'] } }],
  ])('that do not hold: %s %j', async (rule, change) => {
    const report = await withConfig({ models: [{ ...good, ...change }] }, await write('a.onnx'));
    expect(rulesOf(report)).toEqual([rule]);
    expect(report.ok).toBe(false);
    const ignoring = { ...good, ...change, ignore: [rule] };
    expect((await withConfig({ models: [ignoring] }, join(folder, 'a.onnx'))).ok).toBe(true);
  });

  test('a rule to ignore has to be one that there is', async () => {
    const models = [{ file: 'a.onnx' }, { file: 'b.onnx', ignore: ['shape-conflict', 'shape-conflicts'] }];
    const error = await expectRejection('E_CONFIG', async () => withConfig({ models }, await write('a.onnx')));
    expect(error.message).toContain('models[1].ignore');
    expect(error.found).toBe('shape-conflicts');
  });

  test('a pattern means one path component, and the first entry counts', async () => {
    const config = { models: [{ file: 'unet/*_md.onnx', opset: { min: 99 } }, { file: 'unet/*.onnx' }] };
    const report = await withConfig(
      config,
      await write('unet/a_md.onnx'),
      await write('unet/a.onnx'),
      await write('b.onnx'),
    );
    expect(report.files.map(({ findings }) => findings.map(({ rule }) => rule))).toEqual([
      ['opset-range'],
      [],
      ['not-expected'],
    ]);
  });

  test('a file that the configuration names must be given', async () => {
    const report = await withConfig(
      { models: [{ file: 'a.onnx' }, { file: 'b.onnx' }, { file: '*.om' }] },
      await write('a.onnx'),
    );
    expect(rulesOf(report)).toEqual(['not-given']);
    expect(report.ok).toBe(false);
  });

  test('a port called __proto__ is an ordinary port', async () => {
    const path = join(folder, 'p.onnx');
    const model = buildModel(13, (graph) => {
      graph.output(graph.op('Relu', [graph.input('__proto__', [1], DataType.FLOAT)]), [1]);
    });
    writeFileSync(path, await saveBytes(model));
    const config = join(folder, 'c.json');
    writeFileSync(config, '{"models":[{"file":"p.onnx","inputs":{"__proto__":{"shape":[2]}}}]}');
    expect(rulesOf(await validateFiles([path], { config: await loadConfig(config) }))).toEqual(['other-input']);
  });
});

describe('a reference to agree with', () => {
  test('agrees', async () => {
    const models = [{ file: 'b.onnx', verify: { reference: 'a.onnx' } }];
    await write('a.onnx');
    expect(await withConfig({ models }, await write('b.onnx'))).toMatchObject({ ok: true });
  });

  test('differs', async () => {
    const models = [{ file: 'b.onnx', verify: { reference: 'a.onnx', tolerance: 'exact' } }];
    await write('a.onnx');
    const report = await withConfig({ models }, await write('b.onnx', [1, 4], 2));
    expect(new Set(rulesOf(report))).toEqual(new Set(['verify-differs']));
  });

  test('cannot be compared', async () => {
    const models = [{ file: 'b.onnx', verify: { reference: 'none.onnx' } }];
    expect(rulesOf(await withConfig({ models }, await write('b.onnx')))).toEqual(['verify-failed']);
  });
});

describe('a target', () => {
  test('rules of the target are checked', async () => {
    const path = join(folder, 't.onnx');
    const model = buildModel(11, (graph) => {
      const q = graph.input('q', [1, 2, 16, 96]);
      graph.output(graph.op('FlashAttentionTik', [q, q, q]), [1, 2, 16, 96]);
    });
    writeFileSync(path, await saveBytes(model));
    expect((await validateFiles([path])).ok).toBe(true);
    const report = await validateFiles([path], { target: 'ascend310p-aie-7.0' });
    expect(report.ok).toBe(false);
    expect(rulesOf(report)).toContain('target-limit');
    await expectRejection('E_TARGET', () => validateFiles([path], { target: 'ascend311p' }));
  });
});

describe('configuration files', () => {
  test.each([
    ['not JSON', '{', '/'],
    ['an unknown key', '{"models":[{"file":"a","sha265":""}]}', '/models/0'],
    ['a wrong type', '{"models":[{"file":"a","maxBytes":"10"}]}', '/models/0/maxBytes'],
    ['no models', '{}', '/'],
  ])('refused: %s', async (_why, text, pointer) => {
    const path = join(folder, 'c.json');
    writeFileSync(path, text);
    const error = await expectRejection('E_CONFIG', () => loadConfig(path));
    expect(error.where.path ?? '/').toBe(pointer);
  });
});

test('warnings fail only when asked to', async () => {
  const config = join(folder, 'c.json');
  const path = await write('a.onnx');
  writeFileSync(config, '{"models":[{"file":"*.om"}]}');
  const options = { config: await loadConfig(config) };
  expect((await validateFiles([path], options)).ok).toBe(true);
  expect((await validateFiles([path], { ...options, strict: true })).ok).toBe(false);
});

test('every rule that can be reported has a summary', async () => {
  const report = await withConfig({ models: [{ file: 'x.onnx' }] }, await write('a.onnx'));
  const rules = ruleSummaries();
  for (const rule of rulesOf(report)) expect(rules.has(rule), rule).toBe(true);
});

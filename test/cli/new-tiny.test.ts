import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NewTinyReport } from '../../src/export/new-tiny.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});
afterAll(() => cli.remove());

test('prints file, tensors, parameters, type and size of every part', async () => {
  const { code, stdout, stderr } = await cli.run(['new-tiny', '--out', 'tiny'], { cwd: tempDir() });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(/^tiny\/text_encoder\/model\.safetensors +\d+ tensors +[\d,]+ parameters +fp32 +\S+ KB$/u),
    expect.stringMatching(/^tiny\/unet\/\S+\.safetensors +686 tensors +[\d,]+ parameters +fp32 +\S+ MB$/u),
    expect.stringMatching(/^tiny\/vae\/\S+\.safetensors +248 tensors +[\d,]+ parameters +fp32 +\S+ MB$/u),
    '',
  ]);
});

test('the document has the numbers of parameters of the real models at full size', async () => {
  const args = ['new-tiny', '--out', 'big', '--arch', 'sd21', '--full-size', '--sparse', '--json'];
  const { code, stdout } = await cli.run(args, { cwd: tempDir() });
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as NewTinyReport;
  const schema = readFileSync(join(import.meta.dirname, '../../docs/json/new-tiny.schema.json'), 'utf8');
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);
  validate(report);
  expect(validate.errors).toBeNull();
  expect(report).toMatchObject({ architecture: 'sd21', fullSize: true, sparse: true, dtype: 'fp16' });
  // Facts of the published checkpoints of 2.1-base.
  expect(report.files.map(({ parameters }) => parameters)).toEqual([340_387_840, 865_910_724, 83_653_863]);
});

test('leaves a directory with something in it alone', async () => {
  const cwd = tempDir();
  mkdirSync(join(cwd, 'mine'));
  writeFileSync(join(cwd, 'mine/file'), 'mine');
  const { code, stderr } = await cli.run(['new-tiny', '--out', 'mine'], { cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(/mine: the directory is not empty \[E_FILE_WRITE\]\nhint: /u);
  expect(readdirSync(join(cwd, 'mine'))).toEqual(['file']);
});

test.each([
  [[]],
  [['--out', 'tiny', '--arch', 'sdxl']],
  [['--out', 'tiny', '--seed', 'x']],
  [['--out', 'tiny', 'more']],
])('%s is wrong usage', async (args) => {
  const cwd = tempDir();
  const { code, stderr } = await cli.run(['new-tiny', ...args], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('E_USAGE');
  expect(readdirSync(cwd)).toEqual([]);
});

describe('cut off in the middle', () => {
  /** Starts a large one, and sends a signal when the weights of the UNet are being written. */
  async function cutOff(cwd: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = cli.start(['new-tiny', '--out', 'big', '--full-size'], { cwd });
    child.stdout?.resume();
    child.stderr?.resume();
    const ended = once(child, 'exit') as Promise<[number | null]>;
    const isWriting = (): boolean =>
      readdirSync(cwd, { recursive: true }).some((path) => /unet.*safetensors/u.test(String(path)));
    while (!isWriting() && child.exitCode === null) await setImmediate();
    child.kill(signal);
    return (await ended)[0];
  }

  test('by SIGTERM, nothing is left', async () => {
    const cwd = tempDir();
    expect(await cutOff(cwd, 'SIGTERM')).toBe(143);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('by SIGKILL, there is no checkpoint, and the next one clears up', async () => {
    const cwd = tempDir();
    expect(await cutOff(cwd, 'SIGKILL')).toBeNull();
    const [left = '', ...more] = readdirSync(cwd);
    expect(more).toEqual([]);
    expect(left).toMatch(/^\.big\.sdgraph-/u);
    const { code } = await cli.run(['new-tiny', '--out', 'big'], { cwd });
    expect(code).toBe(0);
    expect(readdirSync(cwd)).toEqual(['big']);
  });
});

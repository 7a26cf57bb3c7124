import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCli, type Cli } from '../support/cli.ts';

let cli: Cli;
let cwd: string;

beforeAll(async () => {
  cli = buildCli();
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-export-'));
  await cli.run(['new-tiny', '--out', 'tiny', '--arch', 'sd21'], { cwd });
  await cli.run(['new-tiny', '--out', 'big', '--full-size', '--sparse'], { cwd });
});

afterAll(() => {
  cli.remove();
  rmSync(cwd, { recursive: true, force: true });
});

describe('sdgraph export', () => {
  test("takes upstream's flags, and prints a line for each model", async () => {
    const args = ['export', '-m', 'tiny', '--output_dir', 'out', '--batch_size', '2', '-p', '--weights', 'copy'];
    const { code, stdout, stderr } = await cli.run(args, { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^out\/clip\/clip\.onnx .* of weights copied$/u),
      expect.stringMatching(/^out\/unet\/unet\.onnx .* of weights copied$/u),
      expect.stringMatching(/^out\/vae\/vae\.onnx .* of weights copied$/u),
    ]);
    const inspected = await cli.run(['inspect', 'out/unet/unet.onnx', '--json'], { cwd });
    expect(inspected.stdout).toContain('latent_model_input');
  });

  test('says why weights were copied, unless it is to be quiet', async () => {
    const { stderr } = await cli.run(['export', '--model', 'tiny', '--output-dir', 'other'], { cwd });
    expect(stderr).toMatch(
      /warning: clip: weights are copied: tiny\/text_encoder\/model\.safetensors is not in or below/u,
    );
    expect(await cli.run(['export', '--model', 'tiny', '--output-dir', 'other', '--quiet'], { cwd })).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  test.each([
    [['export']],
    [['export', '--model', 'tiny', '--only', 'clip,nett']],
    [['export', '--model', 'tiny', '--dtype', 'bf16']],
    [['export', '--model', 'tiny', '--weights', 'move']],
    [['export', '--model', 'tiny', '--fold', '--weights', 'link']],
    [['new-tiny']],
  ])('%s is wrong usage', async (args) => {
    const { code, stderr } = await cli.run(args, { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('E_USAGE');
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('%s in the middle leaves no model that is not whole', async (signal) => {
    const out = `killed-${signal}`;
    const args = ['export', '--model', 'big', '--output-dir', out, '--only', 'unet', '--weights', 'copy', '--fold'];
    const child = cli.start(args, { cwd });
    const folder = join(cwd, out, 'unet');
    const ended = new Promise<number | null>((resolve) => {
      child.once('exit', (code) => resolve(code));
    });
    const isWriting = (): boolean => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.tmp'));
    while (!isWriting() && child.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
    child.kill(signal);
    expect(await ended).toBe(signal === 'SIGINT' ? 130 : null);
    const left = readdirSync(folder).filter((name) => !name.endsWith('.tmp'));
    expect(left).toEqual([]);
    if (signal === 'SIGINT') expect(readdirSync(folder)).toEqual([]);
  });
});

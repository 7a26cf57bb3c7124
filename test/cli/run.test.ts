import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImageInfo } from '../../src/diffusion/image-info.ts';
import { readPng } from '../../src/diffusion/read-png.ts';
import { buildCli, type Cli, type CliResult, finished } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';

const CHECKPOINT = join(import.meta.dirname, '../../fixtures/tiny-sd/sd15');

let cli: Cli;
let models: string;

beforeAll(() => {
  cli = buildCli();
  models = writeTinyModels(mkdtempSync(join(tmpdir(), 'sdgraph-models-')), 'sd15');
});

afterAll(() => {
  cli.remove();
  rmSync(models, { recursive: true, force: true });
});

const flags = (...more: readonly string[]): string[] => [
  ...['run', '-m', CHECKPOINT, '--model_dir', models, '--seed', '1'],
  ...more,
];

function run(cwd: string, ...more: readonly string[]): Promise<CliResult> {
  return cli.run(flags(...more), { cwd });
}

describe('sdgraph run', () => {
  test("prints upstream's lines", async () => {
    const cwd = tempDir();
    const long = `${'word '.repeat(90)}end`;
    writeFileSync(join(cwd, 'prompts.txt'), `a fox\r\n\r\n  it's "late" \n${long}\n`);
    const upstream = ['--prompt_file', 'prompts.txt', '--num_images_per_prompt', '1', '--max_num_prompts', '0'];
    const saved = ['--save_dir', './out', '--info_file_save_path', './out.json', '-bs', '1', '--scheduler', 'DPM'];
    const { code, stdout, stderr } = await run(cwd, ...upstream, ...saved, '--steps', '2');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe("[1/3]: ['a fox']");
    expect(lines[1]).toBe(`[2/3]: ['it\\'s "late"']`);
    expect(lines[2]).toBe(`[3/3]: ['${long}']`);
    expect(lines[3]).toMatch(/^\[warning\] .*77/);
    expect(lines.at(-1)).toMatch(/^\[info\] infer number: 3; use time: \d+\.\d{3}s; average time: \d+\.\d{3}s$/);
    expect(readImageInfo(join(cwd, 'out.json')).map(({ images }) => images)).toEqual([
      ['./out/0_0.png'],
      ['./out/1_0.png'],
      ['./out/2_0.png'],
    ]);
  });

  test.each([
    ['a device that is none', ['--prompt', 'x', '--device', 'a'], 2, /found 'a'/],
    ['half a pair', ['--prompt', 'x', '--device', '0,'], 2, /found ''/],
    ['three devices', ['--prompt', 'x', '--device', '0,1,2'], 2, /--device/],
    ['the same device twice', ['--prompt', 'x', '--device', '1,1'], 2, /twice/],
    ['a large number', ['--prompt', 'x', '--device', '256'], 2, /0 to 255/],
    ['a scale that is none', ['--prompt', 'x', '--guidance-scale', '1e3'], 2, /takes a number/],
    ['no prompts', [], 2, /--prompt-file or --prompt/],
    ['prompts twice', ['--prompt', 'x', '--prompt-file', 'y'], 2, /--prompt-file/],
    ['a file that is not there', ['--prompt-file', 'none.txt'], 1, /E_FILE_MISSING/],
    ['a file without prompts', ['--prompt-file', 'empty.txt'], 1, /E_PROMPTS/],
    ['a file that is not UTF-8', ['--prompt-file', 'latin1.txt'], 1, /E_PROMPTS/],
    ['no images', ['--prompt', 'x', '--num_images_per_prompt', '0'], 1, /from 1 to/],
    ['another batch size', ['--prompt', 'x', '-bs', '2'], 1, /batch size 2/],
    ['a UNet for one device', ['--prompt', 'x', '--device', '0,1'], 1, /--parallel/],
    ['models of another backend', ['--prompt', 'x', '--backend', 'acl'], 1, /clip\/clip\.om/],
  ] as const)('refuses %s', async (_, more, code, message) => {
    const cwd = tempDir();
    writeFileSync(join(cwd, 'empty.txt'), '\n \n');
    writeFileSync(join(cwd, 'latin1.txt'), Buffer.from('caf\xe9\n', 'latin1'));
    const result = await run(cwd, ...more);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(readdirSync(cwd).filter((name) => name !== 'results')).toEqual(['empty.txt', 'latin1.txt']);
  });
});

describe('a run that is cut off', () => {
  const many = ['--prompt', 'a', '--prompt', 'b', '--prompt', 'c', '--steps', '30'];

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s finishes the image that is being made, and can be resumed', async (signal, code) => {
    const cwd = tempDir();
    const child = cli.start(flags(...many, '--json'), { cwd });
    const ended = finished(child);
    await waitForImage('0_0.png', cwd, child);
    child.kill(signal);
    const { code: found, stdout } = await ended;
    expect(found).toBe(code);
    const report = JSON.parse(stdout) as { cancelled: boolean; images: { file: string }[]; total: number };
    expect(report).toMatchObject({ cancelled: true, total: 3 });
    const names = readdirSync(join(cwd, 'results')).toSorted();
    expect(report.images.map(({ file }) => file)).toEqual(names.map((name) => `./results/${name}`));
    expect(readImageInfo(join(cwd, 'image_info.json'))).toHaveLength(names.length);
    const again = await run(cwd, ...many, '--resume');
    expect(again.code).toBe(0);
    expect(again.stdout).toContain(`${names.length} of 3 images were there already`);
    expect(readImageInfo(join(cwd, 'image_info.json')).map(({ prompt }) => prompt)).toEqual(['a', 'b', 'c']);
  });

  test('by SIGKILL leaves whole images and a valid info file', async () => {
    const cwd = tempDir();
    const child = cli.start(flags(...many), { cwd });
    const ended = finished(child);
    // By then the first one is noted.
    await waitForImage('1_0.png', cwd, child);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    const names = readdirSync(join(cwd, 'results')).filter((name) => name.endsWith('.png'));
    expect(names).toContain('0_0.png');
    for (const name of names) expect(readPng(join(cwd, 'results', name)).image().width).toBe(128);
    expect(readImageInfo(join(cwd, 'image_info.json'))[0]?.images).toEqual(['./results/0_0.png']);
  });
});

/** Waits until an image is there, or the program has ended. */
async function waitForImage(name: string, cwd: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    try {
      if (readdirSync(join(cwd, 'results')).includes(name)) return;
    } catch {
      // The folder is not there yet.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

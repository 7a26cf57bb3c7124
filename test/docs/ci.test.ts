import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { modifyOnnx } from '../../passes/index.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { openModel } from '../../src/io/open.ts';
import { saveModel } from '../../src/io/save.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import { loadConfig } from '../../src/validate/config.ts';
import { ruleSummaries, validateFiles } from '../../src/validate/validate.ts';
import { TOLERANCES } from '../../src/verify/tolerance.ts';
import { materialize } from '../support/golden.ts';
import { tempDir } from '../support/temp-dir.ts';

const DOCS = resolve(import.meta.dirname, '../../docs');
const read = (name: string): string => readFileSync(join(DOCS, name), 'utf8');

interface Workflow {
  readonly on: object;
  readonly jobs: Readonly<
    Record<string, { readonly steps: readonly { run?: string; uses?: string; with?: object }[] }>
  >;
}

describe('docs/ci.md', () => {
  test('its configuration passes the model that it speaks of', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'models'));
    materialize('sd15', join(dir, 'models'));
    const [unet, rewritten] = ['unet.onnx', 'unet_md.onnx'].map((name) => join(dir, 'models', name)) as [
      string,
      string,
    ];
    {
      using model = await openModel(unet);
      await pipeline(modifyOnnx({ faSoc: 'Duo', tome: 5 })).run(model);
      await saveModel(model, rewritten);
    }
    const text = /```json\n(.*?)```/s.exec(read('ci.md'))?.[1] ?? '';
    const path = join(dir, 'sdgraph.json');
    writeFileSync(path, text);
    const config = await loadConfig(path);
    expect(config.models[0]?.verify).toEqual({ reference: 'models/unet.onnx' });
    // The comparison itself takes gigabytes at this size.
    const models = config.models.map(({ verify: _verify, ...rest }) => rest);
    const options = { config: { ...config, models } };
    const report = await validateFiles([rewritten, unet], options);
    const serious = report.files.flatMap(({ findings }) => findings.filter(({ severity }) => severity !== 'info'));
    expect(serious).toEqual([]);
    for (const id of config.models.flatMap(({ ignore = [] }) => ignore)) expect(ruleSummaries().has(id), id).toBe(true);
    expect(report.files.map(({ target }) => target)).toEqual(['ascend310p-aie-7.0', 'ascend310p-aie-7.0']);
    renameSync(unet, rewritten);
    const wrong = await validateFiles([rewritten], options);
    const found = wrong.files.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'error'));
    const rules = new Set(found.map(({ rule }) => rule));
    expect(rules).toEqual(new Set(['other-input', 'operator-count', 'operator-not-allowed']));
  });

  test('names every key of the configuration', () => {
    const schema = JSON.parse(readFileSync(resolve(DOCS, '../src/validate/config.schema.json'), 'utf8')) as {
      $defs: { model: { properties: Record<string, unknown> } };
    };
    for (const key of Object.keys(schema.$defs.model.properties)) expect(read('ci.md')).toContain(`\`${key}`);
  });
});

test('docs/verify.md names every preset', () => {
  for (const preset of Object.keys(TOLERANCES)) expect(read('verify.md')).toContain(`| \`${preset}\` |`);
});

test('commands in the pages and in the workflow are command lines that sdgraph takes', async () => {
  const workflow = parse(read('examples/github-actions.yml')) as Workflow;
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  expect(workflow.on).toHaveProperty('pull_request');
  const scripts = steps.flatMap(({ run }) => (run === undefined ? [] : run.split('\n')));
  const pages = ['ci.md', 'verify.md'].flatMap((page) =>
    [...read(page).matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.split('\n')),
  );
  const lines = [...scripts, ...pages].filter((line) => line.startsWith('sdgraph '));
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    const [, name = '', ...argv] = line.split(' ');
    const command = await COMMANDS.get(name)?.load();
    if (command === undefined) throw new Error(`no command '${name}'`);
    expect(() => parseCommandLine(command, argv), line).not.toThrow();
  }
  const upload = steps.find(({ uses }) => uses?.startsWith('github/codeql-action/upload-sarif@') === true);
  const [, written] = /--output (\S+)/.exec(scripts.join('\n')) ?? [];
  expect(upload?.with).toEqual({ sarif_file: written });
});

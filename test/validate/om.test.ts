import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { PROVENANCE_RULES } from '../../src/ascend/atc/provenance.ts';
import { OM_RULES } from '../../src/ascend/om/rules.ts';
import { loadConfig } from '../../src/validate/config.ts';
import { ruleSummaries, type ValidationReport, validateFiles } from '../../src/validate/validate.ts';
import { OM_FIXTURES } from '../support/om-samples.ts';
import { tempDir } from '../support/temp-dir.ts';

const UNET = join(OM_FIXTURES, 'synthetic-unet-static.om');

let folder: string;

beforeEach(() => {
  folder = tempDir();
});

function findingsOf({ files }: ValidationReport): [string, string][] {
  return files.flatMap(({ findings }) => findings.map(({ rule, severity }): [string, string] => [rule, severity]));
}

test('a compiled model passes, also for its own chip', async () => {
  expect(await validateFiles([UNET])).toMatchObject({ ok: true, files: [{ bytes: 1841, findings: [] }] });
  expect(await validateFiles([UNET], { target: 'ascend310p-aie-7.0' })).toMatchObject({ ok: true });
});

test('but not for another one', async () => {
  const report = await validateFiles([UNET], { target: 'ascend910b-aie-7.0' });
  expect(report.ok).toBe(false);
  expect(report.files[0]?.findings).toMatchObject([{ rule: 'om-other-soc', found: 'Ascend310P3' }]);
});

test.each([
  ['malformed-truncated.om', 'om-size-mismatch'],
  ['malformed-magic.om', 'om-bad-magic'],
])('%s fails: %s', async (name, rule) => {
  const report = await validateFiles([join(OM_FIXTURES, name)]);
  expect(findingsOf(report)).toEqual([[rule, 'error']]);
  expect(report.ok).toBe(false);
});

test('warnings fail only with strict', async () => {
  const bytes = readFileSync(UNET);
  bytes.write('other', 84, 'latin1');
  const path = join(folder, 'renamed.om');
  writeFileSync(path, bytes);
  const report = await validateFiles([path]);
  expect(findingsOf(report)).toEqual([['om-name-differs', 'warning']]);
  expect(report.ok).toBe(true);
  expect(await validateFiles([path], { strict: true })).toMatchObject({ ok: false });
});

describe('expectations', () => {
  const good = {
    file: 'unet.om',
    maxBytes: 2000,
    maxWeightBytes: 256,
    opset: { min: 11 },
    inputs: {
      latent_model_input: { dtype: 'float32', shape: [2, 4, 64, 64] },
      t: { dtype: 'int64' },
      encoder_hidden_states: { shape: [2, null, 1024] },
    },
    outputs: { '/conv_out/Conv:0:output': { dtype: 'float32' } },
    operators: { required: { Data: 3 }, forbidden: ['Case'] },
  };
  const check = async (changes: object): Promise<ValidationReport> => {
    const path = join(folder, 'unet.om');
    writeFileSync(path, readFileSync(UNET));
    const config = join(folder, 'sdgraph.json');
    writeFileSync(config, JSON.stringify({ models: [{ ...good, ...changes }] }));
    return validateFiles([path], { config: await loadConfig(config) });
  };

  test('that hold find nothing', async () => {
    expect(findingsOf(await check({}))).toEqual([]);
  });

  test.each([
    ['too-large', { maxWeightBytes: 255 }],
    ['other-hash', { sha256: '0'.repeat(64) }],
    ['other-input', { inputs: { ...good.inputs, t: { dtype: 'float32' } } }],
    ['other-output', { outputs: { '/conv_out/Conv:0:output': { shape: [1, 4, 64, 64] } } }],
    ['operator-count', { operators: { required: { Data: 2 } } }],
  ])('%s', async (rule, changes) => {
    expect(findingsOf(await check(changes))).toEqual([[rule, 'error']]);
  });
});

test('every rule has a summary', () => {
  const known = ruleSummaries();
  for (const [id, rule] of Object.entries({ ...OM_RULES, ...PROVENANCE_RULES })) expect(known.get(id)).toEqual(rule);
});

test('docs/rules.md lists every rule as it is', () => {
  const text = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
  for (const [id, { severity, summary }] of Object.entries({ ...OM_RULES, ...PROVENANCE_RULES })) {
    expect(text).toContain(`| \`${id}\` | ${severity} | ${summary} |`);
  }
  const listed = [...text.matchAll(/^\| `(om-[a-z0-9-]+)` \|/gmu)].map(([, id]) => id);
  expect(listed).toEqual(Object.keys({ ...OM_RULES, ...PROVENANCE_RULES }));
});

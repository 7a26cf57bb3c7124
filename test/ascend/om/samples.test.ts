import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openOm, readOm } from '../../../src/ascend/om/read.ts';
import type { OmModel, OmReport, OmTensor } from '../../../src/ascend/om/report.ts';
import { expectError } from '../../support/errors.ts';
import { type ExpectedModel, OM_FIXTURES, OM_SAMPLES, type OmSample, omSamples } from '../../support/om-samples.ts';

const fixtures = omSamples(OM_FIXTURES);
const samples = omSamples(OM_SAMPLES);

test('there are fixtures', () => {
  expect(fixtures.map(({ name }) => name)).toEqual([
    'synthetic-unet-static.om',
    'malformed-truncated.om',
    'malformed-magic.om',
  ]);
});

describe.each(fixtures)('$name', (sample) => {
  describeSample(sample);
});

test('there are further files', ({ skip }) => {
  skip(samples.length === 0, `no samples in ${OM_SAMPLES}; SDGRAPH_OM_SAMPLES names another folder`);
  expect(samples.every(({ expected }) => expected.bytes > 0)).toBe(true);
});

describe.each(samples)('further file $name', (sample) => {
  describeSample(sample);
});

function describeSample({ path, expected }: OmSample): void {
  test('is the file that is described', () => {
    const bytes = readFileSync(path);
    expect({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }).toEqual({
      bytes: expected.bytes,
      sha256: expected.sha256,
    });
  });

  test('is read as expected', () => {
    const report = readOm(path, { depth: 'full' });
    expect(report.problem?.id).toBe(expected.problem);
    expect(report.problem === null).toBe(expected.valid);
    if (expected.header !== undefined) expect(headerOf(report)).toEqual(expected.header);
    if (expected.partitions !== undefined) {
      const partitions = report.models.flatMap((model) => model.partitions.map(({ type, size }) => [type, size]));
      expect(partitions).toEqual(expected.partitions);
    }
    if (expected.models !== undefined) {
      expect(report.models.map((model, i) => modelOf(model, expected.models?.[i]))).toEqual(expected.models);
    }
  });

  test('says the same at each depth, as far as it goes', () => {
    const full = readOm(path, { depth: 'full' });
    const header = readOm(path, { depth: 'header' });
    expect(header.header).toEqual(full.header);
    expect(header.models.map(({ partitions }) => partitions)).toEqual(full.models.map(({ partitions }) => partitions));
    const interfaceOnly = readOm(path);
    expect({ ...interfaceOnly, depth: 'full' }).toEqual({
      ...full,
      models: full.models.map((model) => ({ ...model, operators: [] })),
    });
  });

  test('is refused by openOm where it has to be', () => {
    if (expected.valid) expect(openOm(path).problem).toBeNull();
    else expect(expectError('E_OM', () => openOm(path)).message).toContain(`[${expected.problem}]`);
  });
}

/** The header in the words of `expected.json`. */
function headerOf({ header }: OmReport): object | undefined {
  if (header === null) return undefined;
  return {
    version: header.version,
    model_type: header.modelType,
    model_num: header.modelNum,
    length: header.length,
    model_length: header.modelLength,
    name: header.name,
    om_ir_version: header.omIrVersion,
    platform_version: header.platformVersion,
    platform_type: header.platformType,
    is_encrypted: header.isEncrypted,
  };
}

/** A model in the words of `expected.json`: what is expected of it, as it is. */
function modelOf(model: OmModel, expected: ExpectedModel | undefined): object {
  const attribute = (name: string): unknown => model.attributes.find((each) => each.name === name)?.value ?? null;
  const names = Object.keys(expected ?? {}).filter((name) => !['name', 'inputs', 'outputs'].includes(name));
  return {
    name: model.name,
    inputs: model.inputs.map(tensorOf),
    outputs: model.outputs.map(tensorOf),
    ...Object.fromEntries(names.map((name) => [name, attribute(name)])),
  };
}

function tensorOf({ name, dtype, shape, format }: OmTensor): object {
  return { name, dtype, shape, format };
}

import { beforeAll, describe, expect, test } from 'vitest';
import { compareCheckers, type Disagreement } from '../../../scripts/checker-agreement.mjs';
import { readVerdicts } from '../../../scripts/checker-corpus.mjs';
import { KINDS } from '../../../scripts/checker-mutations.mjs';
import { SdgraphError } from '../../../src/errors.ts';
import { openModel } from '../../../src/io/open.ts';
import { checkModel } from '../../../src/schema/check.ts';

/** Why our checker does not accept a model: rules of severity error, or the code of what opening threw. */
async function refusal(bytes: Uint8Array, full: boolean): Promise<string[]> {
  try {
    const model = await openModel(bytes);
    const errors = checkModel(model, { full }).filter(({ severity }) => severity === 'error');
    return [...new Set(errors.map(({ rule }) => rule))];
  } catch (error) {
    if (error instanceof SdgraphError) return [error.code];
    throw error;
  }
}

describe('agreement with onnx.checker on official models, models of our own and mutations of both', () => {
  let result: Awaited<ReturnType<typeof compareCheckers>>;
  const of = (full: boolean): Disagreement[] => result.disagreements.filter((each) => each.full === full);
  beforeAll(async () => {
    result = await compareCheckers(refusal);
  });

  test('there is something to compare, also without the official models', () => {
    expect(result.models).toBeGreaterThanOrEqual(20);
    expect(result.mutations).toBeGreaterThanOrEqual(500);
    expect(result.refused).toBeGreaterThanOrEqual(300);
  });

  test('every disagreement has a reason', () => {
    expect(result.disagreements.filter(({ why }) => why === undefined)).toEqual([]);
  });

  test('the plain checker never accepts what Python refuses', () => {
    expect(of(false).filter(({ python }) => python !== undefined)).toEqual([]);
  });

  test('no sound official model is refused', () => {
    expect(result.disagreements.filter(({ id, python }) => !id.includes(' ') && python === undefined)).toEqual([]);
  });

  test('disagreements are few', () => {
    const all = result.models + result.mutations;
    expect(of(false).length / all).toBeLessThan(0.02);
    expect(of(true).length / all).toBeLessThan(0.03);
  });
});

test('verdicts are recorded for every kind of mutation, refused and accepted', () => {
  const { kinds, mutations, source } = readVerdicts();
  expect(kinds).toEqual(KINDS);
  expect(source).toMatch(/^onnx \d/u);
  expect(new Set(mutations.map(([, kind]) => kind)).size).toBe(KINDS.length);
  const refused = mutations.filter(([, , , , plain]) => plain >= 0).length;
  expect(refused).toBeGreaterThan(mutations.length / 4);
  expect(refused).toBeLessThan((mutations.length * 3) / 4);
});

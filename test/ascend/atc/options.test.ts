import { describe, expect, test } from 'vitest';
import { chipFamily } from '../../../src/ascend/atc/chips.ts';
import { ATC_OPTIONS, optionValue, userOption } from '../../../src/ascend/atc/options.ts';
import { SOC_VERSIONS } from '../../../src/ascend/soc-versions.ts';
import { expectError } from '../../support/errors.ts';

describe('the table', () => {
  test('has defaults that the options take', () => {
    for (const option of ATC_OPTIONS.values()) {
      if (option.default === undefined || option.values.kind === 'folder') continue;
      expect(optionValue(option, option.default, '/')).toBe(option.default);
    }
  });

  test('names values for families that the options have', () => {
    for (const { values, valueFamilies, name } of ATC_OPTIONS.values()) {
      if (valueFamilies === undefined) continue;
      expect(values.kind, name).toBe('enum');
      if (values.kind === 'enum') expect(values.values).toEqual(expect.arrayContaining([...valueFamilies.keys()]));
    }
  });
});

describe('a user may set', () => {
  test.each(['input_format', '--input_format', '-input-format', 'input-format'])('%s, as ATC takes it', (name) => {
    expect(userOption(name, '/').name).toBe('input_format');
  });

  test.each([
    ['model', /the plan itself/],
    ['soc_version', /the plan itself/],
    ['mode', /not for compiling/],
    ['auto_tune_mode', /AOE/],
    ['weight', /not for compiling/],
  ])('not %s', (name, hint) => {
    expect(expectError('E_PLAN', () => userOption(name, '/options')).hint).toMatch(hint);
  });

  test('no option that does not exist, and is told the nearest', () => {
    const error = expectError('E_PLAN', () => userOption('precison_mode', '/options/precison_mode'));
    expect(error).toMatchObject({ where: { path: '/options/precison_mode' }, hint: "did you mean 'precision_mode'?" });
  });

  test.each(['__proto__', 'constructor', 'hasOwnProperty', ''])('no option called %j', (name) => {
    expectError('E_PLAN', () => userOption(name, '/'));
  });
});

describe('values', () => {
  test.each([
    ['enable_single_stream', true, 'true'],
    ['enable_single_stream', 'YES', 'true'],
    ['enable_single_stream', 0, 'false'],
    ['disable_reuse_memory', true, '1'],
    ['deterministic_level', 3, '3'],
    ['external_weight', 1, '1'],
    ['debug_dir', './a//b/', 'a/b'],
    ['optypelist_for_implmode', 'Gelu,Sigmoid', 'Gelu,Sigmoid'],
    ['input_shape', 'a b:1,2;c;d:3', 'a b:1,2;c;d:3'],
  ])('%s takes %j as %s', (name, value, expected) => {
    expect(optionValue(userOption(name, '/'), value, '/')).toBe(expected);
  });

  test.each([
    ['log', 'verbose'],
    ['log', 'error\n--soc_version=Ascend310'],
    ['input_shape', 'x:1\n--output=/tmp/x'],
    ['input_shape', ''],
    ['input_shape', 'x\u0000y'],
    ['deterministic_level', 4],
    ['deterministic_level', 1.5],
    ['deterministic_level', '0x1'],
    ['enable_single_stream', 'maybe'],
    ['dynamic_batch_size', '1;2'],
    ['debug_dir', '../elsewhere'],
    ['debug_dir', '/tmp'],
    ['optimization_switch', 'Pass:maybe'],
  ])('%s does not take %j', (name, value) => {
    expectError('E_PLAN', () => optionValue(userOption(name, '/'), value, '/'));
  });
});

test('every known chip belongs to the family that its name says', () => {
  const families = new Map([...SOC_VERSIONS].map((version) => [version, chipFamily(version)]));
  expect([...families].filter(([, family]) => family === 'other').map(([version]) => version)).toEqual([
    'Ascend610',
    'Ascend610Lite',
  ]);
  expect(Object.fromEntries(families)).toMatchObject({
    Ascend310: '310',
    Ascend310B4: '310B',
    Ascend310P3: '310P',
    Ascend910A: '910',
    Ascend910B: '910',
    Ascend910ProB: '910',
    Ascend910B1: 'A2',
    'Ascend910B4-1': 'A2',
    Ascend910_9392: 'A3',
    Ascend910_95: '950',
  });
  expect(chipFamily('Ascend950PR_9579')).toBe('950');
});

import { describe, expect, test } from 'vitest';
import { versionOfName } from '../../../src/ascend/npu-smi/names.ts';
import { SOC_VERSIONS } from '../../../src/ascend/soc-versions.ts';

describe('names that tell the version', () => {
  test.each([...SOC_VERSIONS])('%s, with and without its first word', (version) => {
    const base = version.slice('Ascend'.length);
    for (const name of [version, base, `Ascend ${base}`]) {
      expect(versionOfName(name)).toEqual({ soc_version: version });
    }
  });

  test.each([
    ['910b4', 'Ascend910B4'],
    ['MiniD', 'Ascend310'],
    ['Ascend910_9361', 'Ascend910_9361'],
    ['Ascend950PR_9579', 'Ascend950PR_9579'],
    ['Ascend950DT_950x', 'Ascend950DT_950x'],
    // A chip of the first generation, not the series A2.
    ['910B', 'Ascend910B'],
  ])('%s is %s', (name, version) => {
    expect(versionOfName(name)).toEqual({ soc_version: version });
  });

  test('those of an installed toolkit', () => {
    expect(versionOfName('910B9', new Set(['Ascend910B9']))).toEqual({ soc_version: 'Ascend910B9' });
  });
});

test.each([
  [null, 'missing', /no name/],
  ['', 'missing', /no name/],
  ['NA', 'missing', /no name/],
  ['xxx', 'masked', /'xxx' is masked/],
  ['910B*', 'masked', /masked/],
  ['910Bx', 'masked', /masked/],
  ['310P?', 'masked', /masked/],
  ['910', 'short', /several chips/],
  ['Ascend910', 'short', /several chips/],
  ['Ascend950PR', 'short', /several chips/],
  ['310P', 'short', /several chips/],
  ['910B7', 'unknown', /no chip '910B7' is known$/],
  ['GPU', 'unknown', /no chip 'GPU' is known$/],
  ['constructor', 'unknown', /no chip/],
])('%s is %s', (name, why, text) => {
  expect(versionOfName(name)).toEqual({ soc_version: null, why, text: expect.stringMatching(text) as string });
});

test('a name from a file is safe to print', () => {
  const verdict = versionOfName(`\u001b]0;x${'y'.repeat(4000)}`);
  expect(verdict).toMatchObject({
    why: 'masked',
    text: expect.stringMatching(/^the name '\ufffd.{195,210}…' is masked$/) as string,
  });
});

import { describe, expect, test } from 'vitest';
import {
  describeImage,
  type ImageSettings,
  notedSettings,
  requireSameSettings,
} from '../../src/diffusion/image-settings.ts';
import type { ImageResult } from '../../src/diffusion/pipeline-types.ts';
import { expectError } from '../support/errors.ts';

const SETTINGS: ImageSettings = {
  seed: 2n ** 63n + 1n,
  steps: 20,
  scheduler: 'DPM',
  guidanceScale: 7.5,
  negativePrompt: 'blurry',
  imagesPerPrompt: 2,
};
const RESULT = { prompt: 'a fox', imageIndex: 1 } as ImageResult;

test('what is noted can be read, large seeds included', () => {
  const text = describeImage(RESULT, SETTINGS);
  expect(text.get('Description')).toBe('a fox');
  const noted = notedSettings(text);
  expect(noted).toMatchObject(SETTINGS);
  expect(() => requireSameSettings('x.png', noted as ImageSettings, SETTINGS)).not.toThrow();
});

test.each(['', '{', 'null', '[]', '"text"', '7'])(
  'settings of another program are none, or no obstacle: %s',
  (text) => {
    const noted = notedSettings(new Map([['Settings', text]]));
    expect(() => requireSameSettings('x.png', noted ?? {}, SETTINGS)).not.toThrow();
  },
);

test('an image without a note has no settings', () => {
  expect(notedSettings(new Map())).toBeUndefined();
});

test.each(['', 'x', '1.5', '9'.repeat(40), '-'])('a seed that is none is left out: %s', (seed) => {
  expect(notedSettings(new Map([['Settings', JSON.stringify({ seed, steps: 3 })]]))).toEqual({ steps: 3 });
});

describe('other settings', () => {
  test.each([
    ['seed', 7],
    ['steps', 21],
    ['scheduler', 'DDIM'],
    ['guidanceScale', 7],
    ['negativePrompt', ''],
    ['imagesPerPrompt', 3],
  ] as const)('%s', (name, value) => {
    const error = expectError('E_IMAGE_INFO', () =>
      requireSameSettings('x.png', SETTINGS, { ...SETTINGS, [name]: value }),
    );
    expect(error).toMatchObject({
      where: { file: 'x.png', name },
      expected: String(value),
      found: String(SETTINGS[name]),
    });
  });
});

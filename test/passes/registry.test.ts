import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as entry from '../../passes/index.ts';
import { makePass, PASSES, passNamed } from '../../passes/registry.ts';

describe('the list of passes', () => {
  test('holds every file that defines a pass', () => {
    const files = readdirSync(join(import.meta.dirname, '../../passes'), { withFileTypes: true });
    const others = new Set(['index', 'presets', 'registry']);
    const names = files
      .filter((file) => file.isFile() && file.name.endsWith('.ts'))
      .map(({ name }) => name.slice(0, -'.ts'.length));
    expect([...PASSES.keys()]).toEqual(names.filter((name) => !others.has(name)).toSorted());
  });

  test('is what the package exports, under the name in camel case', () => {
    for (const [name, factory] of PASSES) {
      const camelCase = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      expect(new Map(Object.entries(entry)).get(camelCase)).toBe(factory);
    }
  });

  test('explains every option in one line', () => {
    for (const factory of PASSES.values()) {
      expect(factory.summary).toMatch(/^[A-Z][^\n]+[^.\n]$/);
      expect(Object.keys(factory.options).toSorted()).toEqual(Object.keys(factory.defaults).toSorted());
    }
  });
});

describe('a pass by name', () => {
  test('has its defaults', () => {
    expect(makePass('insert-tome')).toMatchObject({ name: 'insert-tome', expects: 0 });
  });

  test.each([
    { option: 'count', text: '5', expects: 5 },
    { option: 'count', text: '0', expects: 0 },
    { option: 'target', text: 'ascend310p-cann-8.1', expects: 0 },
    { option: 'indices', text: 'corner', expects: 0 },
    { option: 'latents', text: 'sample', expects: 0 },
    { option: 'stableNorm', text: 'true', expects: 0 },
  ])('reads $option from $text', ({ option, text, expects }) => {
    expect(makePass('insert-tome', new Map([[option, text]])).expects).toBe(expects);
  });

  test.each([
    { pass: 'insert-tome', option: 'count', text: 'five', code: 'E_PASS_OPTION' },
    { pass: 'insert-tome', option: 'count', text: '', code: 'E_PASS_OPTION' },
    { pass: 'insert-tome', option: 'count', text: '1.5', code: 'E_PASS_OPTION' },
    { pass: 'insert-tome', option: 'stableNorm', text: '1', code: 'E_PASS_OPTION' },
    { pass: 'insert-tome', option: 'target', text: 'nothing', code: 'E_TARGET' },
    { pass: 'insert-tome', option: 'indices', text: 'missing.json', code: 'E_FILE_MISSING' },
    { pass: 'insert-tome', option: '__proto__', text: '1', code: 'E_PASS_OPTION' },
    { pass: 'insert-tome', option: 'constructor', text: '1', code: 'E_PASS_OPTION' },
    { pass: 'split-slices', option: 'any', text: '1', code: 'E_PASS_OPTION' },
  ])('refuses $option=$text of $pass', ({ pass, option, text, code }) => {
    expect(() => makePass(pass, new Map([[option, text]]))).toThrow(expect.objectContaining({ code }) as Error);
  });

  test.each([
    ['split-slice', "did you mean 'split-slices'?"],
    ['Split-Slices', "did you mean 'split-slices'?"],
    ['constructor', undefined],
    ['', undefined],
  ])('is refused when there is none: %s', (name, hint) => {
    expect(() => passNamed(name)).toThrow(expect.objectContaining({ code: 'E_PASS_UNKNOWN', hint }) as Error);
  });
});

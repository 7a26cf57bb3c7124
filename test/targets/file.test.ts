import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { loadTargetFile } from '../../src/targets/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdgraph-targets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const builtIn = readFileSync(new URL('../../src/targets/ascend310p-cann-8.1.json', import.meta.url), 'utf8');

let files = 0;
function write(content: string | Uint8Array): string {
  const path = join(folder, `profile-${files++}.json`);
  writeFileSync(path, content);
  return path;
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** What is at a JSON pointer (without escapes) of the built-in profile. */
function at(pointer: string, profile: Json = JSON.parse(builtIn) as Json): Json {
  let value = profile;
  for (const part of pointer.split('/').slice(1)) value = (value as { [name: string]: Json })[part] as Json;
  return value;
}

/** A file with the built-in profile in which each pointer has another value; `undefined` takes the property out. */
function edited(changes: Readonly<Record<string, Json | undefined>>): string {
  const profile = JSON.parse(builtIn) as Json;
  for (const [pointer, value] of Object.entries(changes)) {
    const cut = pointer.lastIndexOf('/');
    const parent = at(pointer.slice(0, cut), profile) as { [name: string]: Json };
    const name = pointer.slice(cut + 1);
    if (value === undefined) Reflect.deleteProperty(parent, name);
    else parent[name] = value;
  }
  return write(JSON.stringify(profile));
}

test('a profile of the user is loaded and frozen', async () => {
  const path = edited({ '/name': 'mine', '/operators/flashAttention/limits': [] });
  const target = await loadTargetFile(path);
  expect(target.name).toBe('mine');
  expect(target.operators.flashAttention?.limits).toEqual([]);
  expect(Object.isFrozen(target.operators.flashAttention)).toBe(true);
});

test('a byte order mark is no harm', async () => {
  await expect(loadTargetFile(write(`\ufeff${builtIn}`))).resolves.toMatchObject({ name: 'ascend310p-cann-8.1' });
});

describe('a profile that is wrong is refused with the place', () => {
  const rows: { why: string; place: string; changes: Readonly<Record<string, Json | undefined>> }[] = [
    { why: 'another version', place: '/formatVersion', changes: { '/formatVersion': 2 } },
    { why: 'no name', place: '/', changes: { '/name': undefined } },
    { why: 'a name that is a path', place: '/name', changes: { '/name': '../x' } },
    { why: 'an unknown property', place: '/opertors', changes: { '/opertors': {} } },
    { why: 'a role that does not exist', place: '/operators/flash', changes: { '/operators/flash': {} } },
    { why: 'a property with a tilde', place: '/operators/quant/a~0b', changes: { '/operators/quant/a~b': 1 } },
    {
      why: 'an unknown quantity',
      place: '/operators/flashAttention/limits/1/quantity',
      changes: { '/operators/flashAttention/limits/1/quantity': 'head_dim' },
    },
    {
      why: 'a limit without a bound',
      place: '/operators/flashAttention/limits/0',
      changes: {
        '/operators/flashAttention/limits/0/min': undefined,
        '/operators/flashAttention/limits/0/max': undefined,
      },
    },
    {
      why: 'a limit that nothing meets',
      place: '/operators/flashAttention/limits/0',
      changes: { '/operators/flashAttention/limits/0/min': 999 },
    },
    {
      why: 'a selection that nothing meets',
      place: '/operators/flashAttention/selection/rules/0',
      changes: {
        '/operators/flashAttention/selection/rules': [
          { ...(at('/operators/flashAttention/limits/0') as object), min: 2, max: 1 },
        ],
      },
    },
    {
      why: 'a fraction as an integer attribute',
      place: '/operators/flashAttention/attributes/3/value',
      changes: { '/operators/flashAttention/attributes/3/value': 0.5 },
    },
    {
      why: 'an integer that no double holds exactly',
      place: '/operators/flashAttention/attributes/3/value',
      changes: { '/operators/flashAttention/attributes/3/value': 2 ** 53 },
    },
    {
      why: 'a string as a number',
      place: '/operators/flashAttention/attributes/3/value',
      changes: { '/operators/flashAttention/attributes/3/value': '1' },
    },
    {
      why: 'a head count as a float',
      place: '/operators/flashAttention/attributes/0/type',
      changes: { '/operators/flashAttention/attributes/0/type': 'float' },
    },
    {
      why: 'both a value and a formula',
      place: '/operators/flashAttention/attributes/0',
      changes: { '/operators/flashAttention/attributes/0/value': 8 },
    },
    {
      why: 'scaling by an attribute that is not there',
      place: '/operators/flashAttention/scaling',
      changes: { '/operators/flashAttention/attributes': [] },
    },
    {
      why: 'scaling by an attribute although q comes scaled',
      place: '/operators/flashAttention/scaling',
      changes: { '/operators/flashAttention/scaling': 'premultiplied' },
    },
    {
      why: 'an operator that is also unavailable',
      place: '/unavailable/quant',
      changes: { '/unavailable/quant': at('/unavailable/findMax') },
    },
    { why: 'no facts', place: '/sdk', changes: { '/sdk/source': undefined } },
  ];
  for (const { why, place, changes } of rows) {
    test(`profile: ${why}`, async () => {
      const path = edited(changes);
      await expect(loadTargetFile(path)).rejects.toMatchObject({
        code: 'E_TARGET',
        where: { file: path, path: place },
      });
    });
  }

  test('a property called __proto__', async () => {
    const path = write(builtIn.replace('"name"', '"__proto__": {}, "name"'));
    await expect(loadTargetFile(path)).rejects.toMatchObject({ code: 'E_TARGET', where: { path: '/__proto__' } });
  });
});

describe('a file that is no profile', () => {
  for (const { why, content } of [
    { why: 'nothing', content: '' },
    { why: 'half a profile', content: builtIn.slice(0, 500) },
    { why: 'bytes that are not UTF-8', content: Uint8Array.of(0x22, 0xff, 0x22) },
    { why: 'a number', content: '1' },
    { why: 'null', content: 'null' },
    { why: 'brackets without end', content: '['.repeat(1 << 20) },
    { why: 'deep nesting', content: `${'['.repeat(1 << 20)}${']'.repeat(1 << 20)}` },
  ]) {
    test(`content: ${why}`, async () => {
      await expect(loadTargetFile(write(content))).rejects.toMatchObject({ code: 'E_TARGET' });
    });
  }

  test('no file, a folder', async () => {
    await expect(loadTargetFile(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'E_FILE_MISSING' });
    await expect(loadTargetFile(folder)).rejects.toMatchObject({ code: 'E_FILE_READ' });
  });

  test('a huge file', async () => {
    await expect(loadTargetFile(write(new Uint8Array((16 << 20) + 1)))).rejects.toMatchObject({
      code: 'E_TARGET',
      reason: 'the file is too large',
    });
  });
});

test('where code generation is forbidden, built-in profiles load and a profile of the user says why it cannot', async () => {
  vi.resetModules();
  vi.stubGlobal('Function', function forbidden() {
    throw new EvalError('Code generation from strings disallowed for this context');
  });
  try {
    const fresh = await import('../../src/targets/index.ts');
    expect(fresh.loadTarget('ascend310p-aie-7.0').operators.findMax?.opType).toBe('FindMax');
    await expect(fresh.loadTargetFile(write(builtIn))).rejects.toMatchObject({
      code: 'E_TARGET',
      hint: 'run without --disallow-code-generation-from-strings, or use a built-in target',
    });
  } finally {
    vi.unstubAllGlobals();
  }
});

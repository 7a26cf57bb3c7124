import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { openModel } from '../../src/io/open.ts';
import { compareWithGolden, materialize, readGolden } from '../support/golden.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'README.md'), 'utf8');

afterEach(() => {
  vi.restoreAllMocks();
});

describe('README.md', () => {
  test('the program on the page rewrites a UNet', async () => {
    const dir = tempDir();
    materialize('sd15', dir);
    const code = /^## Library\n+```ts\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
    const source = (path: string): string => pathToFileURL(join(ROOT, path)).href;
    writeFileSync(
      join(dir, 'program.ts'),
      code
        .replace("'sdgraph'", `'${source('src/index.ts')}'`)
        .replace("'sdgraph/passes'", `'${source('passes/index.ts')}'`)
        .replaceAll(/'(unet\w*\.onnx)'/g, (_, name: string) => JSON.stringify(join(dir, name))),
    );
    const log = vi.spyOn(console, 'log').mockReturnValue(undefined);
    await import(pathToFileURL(join(dir, 'program.ts')).href);
    expect(log.mock.calls.flat()).toContain('remove-zero-add: 3153 → 3121 nodes');
    using model = await openModel(join(dir, 'unet_md.onnx'));
    expect(compareWithGolden(model, readGolden('sd15', 'Duo-T5'))).toEqual([]);
  });

  test('names every command, and every package that is installed with it', () => {
    for (const name of COMMANDS.keys()) expect(page).toMatch(new RegExp(`^\\| \`sdgraph ${name}\\b`, 'm'));
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const rows = [...page.matchAll(/^\| \[([\w@/-]+)\]\(https:/gm)].map(([, name]) => name);
    expect(new Set(rows)).toEqual(new Set(Object.keys(dependencies)));
  });

  test('links to files that exist', () => {
    const links = [...page.matchAll(/\]\((?!https:)([^)#]+)/g)].map(([, path = '']) => path);
    expect(links.length).toBeGreaterThan(0);
    for (const path of links) expect(() => readFileSync(join(ROOT, path))).not.toThrow(/ENOENT/);
  });

  test('its commands are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const used = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect(scripts).toHaveProperty([name]);
  });
});

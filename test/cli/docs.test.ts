import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp, programHelp } from '../../src/cli/help.ts';
import { ERROR_CODES } from '../../src/errors.ts';

const docs = (name: string): string => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');

/** The first block of code below a heading; that of the page for an empty heading. */
function firstBlock(page: string, heading: string): string | undefined {
  const section = heading === '' ? page : page.slice(page.indexOf(`\n## ${heading}\n`));
  return /```text\n(.*?)```/s.exec(section)?.[1];
}

describe('docs/cli.md is in step with --help', () => {
  const page = docs('cli.md');

  test('of the program', () => {
    expect(firstBlock(page, '')).toBe(programHelp());
  });

  test.each([...COMMANDS])('of %s', async (name, entry) => {
    expect(page).toContain(`\n## ${name}\n`);
    expect(firstBlock(page, name)).toBe(commandHelp(await entry.load()));
  });

  test('and speaks of no other command', () => {
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual([...COMMANDS.keys()]);
  });

  test.each([...COMMANDS])('%s has the summary that the list shows', async (_, entry) => {
    expect((await entry.load()).summary).toBe(entry.summary);
  });
});

test('docs/errors.md lists every code', () => {
  const rows = [...docs('errors.md').matchAll(/^\| `(E_\w+)` \| (.*) \|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ]);
  expect(rows).toEqual(Object.entries(ERROR_CODES));
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { buildCli, type Cli } from '../support/cli.ts';
import { tempDir } from '../support/temp-dir.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('the program', () => {
  test('prints its version', async () => {
    expect(await cli.run(['--version'])).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });

  test.each([['--help'], ['-h'], ['help']])('lists the commands for %s', async (arg) => {
    const { code, stdout, stderr } = await cli.run([arg]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const [name, { summary }] of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
  });

  test('without a command prints help on stderr and fails', async () => {
    const { code, stdout, stderr } = await cli.run([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('usage: sdgraph <command>');
  });

  test('knows what was meant by a command', async () => {
    const { code, stdout, stderr } = await cli.run(['optimise', '--model', 'x']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      `error: there is no command 'optimise' (expected one of ${[...COMMANDS.keys()].join(', ')}) [E_USAGE]\n` +
        "hint: did you mean 'optimize'?\n",
    );
  });

  test('refuses flags without a command', async () => {
    const { code, stderr } = await cli.run(['--jason']);
    expect(code).toBe(2);
    expect(stderr).toContain("unknown flag '--jason', and no command [E_USAGE]");
  });

  test.each([...COMMANDS.keys()])('%s --help shows every flag', async (name) => {
    const { code, stdout, stderr } = await cli.run([name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const command = await COMMANDS.get(name)?.load();
    for (const flag of [...Object.keys(command?.flags ?? {}), 'json', 'quiet', 'verbose', 'help']) {
      expect(stdout).toMatch(new RegExp(`^  --${flag}\\b`, 'm'));
    }
  });

  test('help COMMAND is COMMAND --help', async () => {
    const asked = await cli.run(['help', 'inspect']);
    expect(asked.stdout).toContain('usage: sdgraph inspect MODEL');
    expect(asked).toEqual(await cli.run(['inspect', '--help']));
    expect((await cli.run(['help', 'nothing'])).stderr).toContain("there is no command 'nothing'");
  });

  test('loads nothing of the library for help', async () => {
    const dir = tempDir();
    await cli.run(['--help'], { env: { NODE_V8_COVERAGE: dir } });
    const [file = ''] = readdirSync(dir);
    const { result } = JSON.parse(readFileSync(join(dir, file), 'utf8')) as { result: { url: string }[] };
    const loaded = result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    expect(loaded.filter((url) => url.includes('/cli/')).length).toBeGreaterThan(0);
    expect(loaded.filter((url) => /\/(?:ir|io|wire|rewrite|schema|passes|report|node_modules)\//.test(url))).toEqual(
      [],
    );
  });

  test('prints no escape sequences into a pipe', async () => {
    const { stdout } = await cli.run(['passes'], { env: { FORCE_COLOR: '1' } });
    expect(stdout).not.toContain('\u001b');
  });
});

describe('errors', () => {
  test('an unknown flag names the nearest one', async () => {
    const { code, stdout, stderr } = await cli.run(['optimize', '--new_modle', 'x.onnx']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe("error: unknown flag '--new_modle' [E_USAGE]\nhint: did you mean '--new_model'?\n");
  });

  test('with --json are a document, too', async () => {
    const { code, stdout, stderr } = await cli.run(['inspect', 'missing.onnx', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'E_FILE_MISSING', where: { file: 'missing.onnx' } } });
    expect(stderr).toMatch(/^error: missing\.onnx: the file does not exist \[E_FILE_MISSING\]\nhint: /);
  });

  test('are not silenced by --quiet', async () => {
    const { code, stdout, stderr } = await cli.run(['inspect', 'missing.onnx', '--quiet']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('[E_FILE_MISSING]');
  });
});

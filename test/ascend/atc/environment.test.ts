import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type AtcEnvironment, atcEnvironment, type EnvironmentOptions } from '../../../src/ascend/atc/environment.ts';
import { SIMULATION } from '../../support/atc-models.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

const { PATH = '' } = process.env;

/** Writes a script and sets up the environment with it. */
async function withScript(script: string, options: Partial<EnvironmentOptions> = {}): Promise<AtcEnvironment> {
  const path = join(tempDir(), "it's; set_env.sh");
  writeFileSync(path, script);
  const plan = { environment: [{ kind: 'toolkit', script: path }] } as const;
  return atcEnvironment(plan, { env: { PATH: `${SIMULATION}:${PATH}` }, ...options });
}

test('has what scripts export, whatever is in it', async () => {
  const { env, atc } = await withScript(`
    export AWKWARD="a
b'c=d"
    export EMPTY=
    NOT_EXPORTED=1
    echo printed`);
  expect(env).toMatchObject({ AWKWARD: "a\nb'c=d", EMPTY: '' });
  expect(env).not.toHaveProperty('NOT_EXPORTED');
  expect(atc).toBe(join(SIMULATION, 'atc'));
});

test('sources scripts one after the other, without arguments', async () => {
  const dir = tempDir();
  const [first, second] = [join(dir, 'first.sh'), join(dir, 'second.sh')];
  writeFileSync(first, 'export COUNT=$# LIST=1');
  writeFileSync(second, 'export LIST="$LIST 2"');
  const plan = {
    environment: [
      { kind: 'toolkit', script: first },
      { kind: 'operators', script: second },
    ],
  } as const;
  const { env, scripts } = await atcEnvironment(plan, { env: { PATH: `${SIMULATION}:${PATH}` } });
  expect(env).toMatchObject({ COUNT: '0', LIST: '1 2' });
  expect(scripts).toEqual([first, second]);
});

test('finds ATC and the version of the toolkit through the script', async () => {
  const plan = { environment: [{ kind: 'toolkit', script: join(SIMULATION, 'set_env.sh') }] } as const;
  const { atc, toolkitVersion } = await atcEnvironment(plan, { env: { PATH } });
  expect({ atc, toolkitVersion }).toEqual({ atc: join(SIMULATION, 'atc'), toolkitVersion: 'simulation' });
});

test('is what it is when everything is set up', async () => {
  const plan = {
    environment: [
      { kind: 'toolkit', script: '/nowhere/set_env.sh' },
      { kind: 'operators', script: '/nowhere/aie/set_env.sh' },
    ],
  } as const;
  const env = { PATH: `${SIMULATION}:${PATH}`, ASCEND_CUSTOM_OPP_PATH: '/opt/aie' };
  expect((await atcEnvironment(plan, { env })).env).toEqual(env);
});

describe('what is missing', () => {
  const toolkit = { environment: [{ kind: 'toolkit', script: '/nowhere/set_env.sh' }] } as const;

  test.each([
    ['the script of the toolkit', { env: { PATH: '/nowhere' } }, /set_env\.sh/],
    ['the program', { env: { PATH }, atc: '/nowhere/atc' }, /nowhere/],
    ['the script that was named', { env: { PATH: SIMULATION }, toolkitScript: '/opt/mine.sh' }, /mine\.sh/],
  ])('%s', async (_, options, message) => {
    expect((await expectRejection('E_ATC_MISSING', async () => atcEnvironment(toolkit, options))).message).toMatch(
      message,
    );
  });

  test('ATC, although there is a script', async () => {
    const error = await expectRejection('E_ATC_MISSING', async () =>
      withScript('', { env: { PATH: '/usr/bin:/bin' } }),
    );
    expect(error.message).toContain('not on PATH');
  });

  test('a folder called atc is not ATC', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'atc'));
    await expectRejection('E_ATC_MISSING', async () => withScript('', { env: { PATH: `${dir}:/usr/bin:/bin` } }));
  });

  test.each([
    ['a script that fails', 'echo the reason >&2; return 3', /the reason/],
    ['a script that ends the shell', 'exit 5', /failed/],
    ['a script with an error of syntax', 'if', /syntax/],
  ])('%s', async (_, script, message) => {
    expect((await expectRejection('E_ATC_MISSING', async () => withScript(script))).message).toMatch(message);
  });
});

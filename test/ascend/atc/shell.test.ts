import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planAtc } from '../../../src/ascend/atc/plan.ts';
import type { AtcPlan } from '../../../src/ascend/atc/plan-types.ts';
import { planToShell, shellQuote } from '../../../src/ascend/atc/shell.ts';
import { SIMULATION, writeModels } from '../../support/atc-models.ts';
import { tempDir } from '../../support/temp-dir.ts';

const AWKWARD = [
  '',
  ' ',
  "it's",
  '"quoted"',
  '-n',
  '--help',
  '$(touch pwned)',
  '`touch pwned`',
  '; touch pwned',
  'a\nb',
  '\n',
  '\\',
  "\\'",
  '~',
  '*',
  '!!',
  '{a,b}',
  '#x',
  '字符',
  'x=1',
];

describe('quoting', () => {
  test('any words come out of a shell as they went in', () => {
    // NUL cannot be in an argument; a surrogate alone is no text.
    const word = fc.oneof(
      fc.constantFrom(...AWKWARD),
      fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const script = `printf '%s\\0' ${words.map(shellQuote).join(' ')}`;
        const printed = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
        expect(printed.split('\0').slice(0, -1)).toEqual(words);
      }),
      { numRuns: 100 },
    );
  });

  test('leaves plain words alone', () => {
    expect(shellQuote('--input_format=ND')).toBe('--input_format=ND');
    expect(shellQuote('--input_shape=x:1,2;y:3')).toBe("'--input_shape=x:1,2;y:3'");
  });
});

async function plan(modelDir: string): Promise<AtcPlan> {
  const keep = join(tempDir(), 'keep.txt');
  writeFileSync(keep, "a'b\n$(touch pwned)\n");
  const set = new Map([['unet', new Map([['keep_dtype', keep]])]]);
  return planAtc({ modelDir, socVersion: 'Ascend310P3', set, env: {}, toolkitScript: join(SIMULATION, 'set_env.sh') });
}

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

describe('scripts', () => {
  test('pass bash -n', async () => {
    const dir = await writeModels(tempDir());
    const { status } = spawnSync('bash', ['-n'], { input: planToShell(await plan(dir), dir) });
    expect(status).toBe(0);
  });

  test('pass shellcheck', async ({ skip }) => {
    if (!hasShellcheck) skip('shellcheck is not installed');
    const dir = await writeModels(tempDir());
    const path = join(dir, 'compile.sh');
    writeFileSync(path, planToShell(await plan(dir), `${dir}/it's $(here)`));
    const { stdout } = spawnSync('shellcheck', [path], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  test.each(['plain', "it's a $(touch pwned); folder", 'two\nlines', '-n', '--', '"', '字符'])(
    'compile models in a folder called %j',
    async (name) => {
      const cwd = tempDir();
      const dir = join(cwd, name);
      mkdirSync(dir);
      await writeModels(dir);
      const script = planToShell(await plan(dir), dir);
      execFileSync('bash', ['-s'], { input: script, cwd, stdio: 'pipe' });
      for (const part of ['clip', 'unet', 'vae']) expect(existsSync(join(dir, part, `${part}.om`))).toBe(true);
      expect(existsSync(join(dir, 'unet/unet.keep_dtype.txt'))).toBe(true);
      expect(existsSync(join(cwd, 'pwned'))).toBe(false);
    },
  );

  test('take the folder as an argument', async () => {
    const cwd = tempDir();
    await writeModels(join(cwd, '-x'));
    const script = planToShell(await plan(join(cwd, '-x')), '/nowhere');
    execFileSync('bash', ['-s', '--', '-x'], { input: script, cwd, stdio: 'pipe' });
    expect(existsSync(join(cwd, '-x/vae/vae.om'))).toBe(true);
  });

  test.each(['E10001', 'silent', 'no-output', 'exit-1'])('stop at the first failure: %s', async (mode) => {
    const dir = await writeModels(tempDir());
    const env = { ...process.env, SDGRAPH_SIM_ATC: `unet:${mode}` };
    const { status } = spawnSync('bash', ['-s'], { input: planToShell(await plan(dir), dir), env });
    expect(status).not.toBe(0);
    expect(existsSync(join(dir, 'clip/clip.om'))).toBe(true);
    expect(existsSync(join(dir, 'vae/vae.om'))).toBe(false);
  });

  test('do not take an old model for a new one', async () => {
    const dir = await writeModels(tempDir());
    writeFileSync(join(dir, 'unet/unet.om'), 'of yesterday');
    const env = { ...process.env, SDGRAPH_SIM_ATC: 'unet:no-output' };
    const options = { input: planToShell(await plan(dir), dir), env, encoding: 'utf8' } as const;
    const { status, stderr } = spawnSync('bash', ['-s'], options);
    expect(status).toBe(1);
    expect(stderr).toContain('unet: ATC wrote no new model');
  });

  test('say so when ATC does not claim success', async () => {
    const dir = await writeModels(tempDir());
    const env = { ...process.env, SDGRAPH_SIM_ATC: 'unet:silent' };
    const options = { input: planToShell(await plan(dir), dir), env, encoding: 'utf8' } as const;
    expect(spawnSync('bash', ['-s'], options).stderr).toContain('did not say that it succeeded; see ./unet.atc.log');
  });

  test('make the folders that options name', async () => {
    const dir = await writeModels(tempDir());
    const toolkitScript = join(SIMULATION, 'set_env.sh');
    const set = new Map([['vae', new Map([['op_compiler_cache_dir', 'cache/of kernels']])]]);
    const made = await planAtc({ modelDir: dir, socVersion: 'Ascend310P3', set, env: {}, toolkitScript });
    execFileSync('bash', ['-s'], { input: planToShell(made, dir), stdio: 'pipe' });
    expect(existsSync(join(dir, 'vae/cache/of kernels'))).toBe(true);
  });

  test('give scripts of the environment no arguments', async () => {
    const dir = await writeModels(tempDir());
    const script = join(dir, 'set_env.sh');
    writeFileSync(script, `echo "arguments: $#"\nsource ${join(SIMULATION, 'set_env.sh')}\n`);
    const made = { ...(await plan(dir)), environment: [{ kind: 'toolkit', script }] as const };
    const printed = execFileSync('bash', ['-s', '--', dir], { input: planToShell(made, dir), encoding: 'utf8' });
    expect(printed).toContain('arguments: 0\n');
  });

  test('say when the environment cannot be set up', async () => {
    const dir = await writeModels(tempDir());
    const made = await plan(dir);
    const script = planToShell({ ...made, environment: [{ kind: 'toolkit', script: '/nowhere/set_env.sh' }] }, dir);
    const { PATH = '' } = process.env;
    const path = PATH.split(':')
      .filter((folder) => folder !== SIMULATION)
      .join(':');
    const { status, stderr } = spawnSync('bash', ['-s'], { input: script, env: { PATH: path }, encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 1 });
    expect(stderr).toContain('/nowhere/set_env.sh is not there');
  });
});

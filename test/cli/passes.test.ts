import { afterAll, beforeAll, expect, test } from 'vitest';
import { PASSES } from '../../passes/index.ts';
import { buildCli, type Cli } from '../support/cli.ts';

let cli: Cli;

beforeAll(() => {
  cli = buildCli();
});

afterAll(() => cli.remove());

test('lists every pass with its options', async () => {
  const { code, stdout } = await cli.run(['passes']);
  expect(code).toBe(0);
  for (const [name, { summary }] of PASSES) expect(stdout.split('\n')).toContain(`${name}  ${summary}`);
  expect(stdout).toMatch(/^ {2}inputs +also remove graph inputs that nothing reads +default false$/m);
});

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileModel, type Ledger, library, missing, TWOFOLD_FEEDS, twofold } from '../../support/acl-device.ts';
import { type Compiled, compile } from '../../support/compile.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe.skipIf(missing !== undefined)(`the end of a process ${missing ?? ''}`, () => {
  let compiled: Compiled;

  beforeAll(() => {
    compiled = compile('src/runtime/open.ts');
    // What threads run is JavaScript already.
    const folder = resolve(import.meta.dirname, '../../../src/runtime/acl/thread');
    cpSync(folder, join(dirname(compiled.path('src/runtime/acl/session.ts')), 'thread'), { recursive: true });
  });
  afterAll(() => compiled.remove());

  /** Runs a script in which a model is opened as `session`. Returns the ledger that the library left. */
  async function ledgerOf(script: string): Promise<Ledger> {
    const folder = tempDir();
    const om = await compileModel(twofold(), folder);
    const main = join(folder, 'main.mjs');
    const open = JSON.stringify(pathToFileURL(compiled.path('src/runtime/open.ts')).href);
    const feeds = TWOFOLD_FEEDS.map(({ dims, dataType, data }) => {
      return `{ dims: [${dims.join(',')}], dataType: ${dataType}, data: ${data.constructor.name}.of(${data.join(',')}) }`;
    });
    writeFileSync(
      main,
      `import { openSession } from ${open};
const session = await openSession(${JSON.stringify(om)});
const feeds = [${feeds.join(', ')}];
const outputs = await session.run(feeds);
if (outputs.get('z').data[0] !== 42) process.exit(9);
${script}`,
    );
    const ledger = join(folder, 'ledger.json');
    const env = { ...process.env, SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_LEDGER: ledger };
    execFileSync(process.execPath, [main], { env, stdio: 'pipe' });
    return JSON.parse(readFileSync(ledger, 'utf8')) as Ledger;
  }

  test.each([
    ['by itself', 'await session.close();'],
    ['by process.exit', 'await session.close(); process.exit(0);'],
  ])('finalises the library when it comes %s', async (_, script) => {
    const ledger = await ledgerOf(script);
    expect(ledger).toMatchObject({ leaks: 0, violations: [], finalised: true, calls: { aclInit: 1, aclFinalize: 1 } });
  });

  test('comes although a session is open, and leaves the rest to the system', async () => {
    const ledger = await ledgerOf('');
    expect(ledger).toMatchObject({ violations: [], finalised: false });
  });

  test('comes without koffi where no compiled model was opened', () => {
    const open = JSON.stringify(pathToFileURL(compiled.path('src/runtime/open.ts')).href);
    const script = `import { openSession } from ${open};
await openSession('none.onnx').catch(() => undefined);
process.stdout.write(process.report.getReport().sharedObjects.filter((path) => path.includes('koffi')).join());
process.stdout.write('end');`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stdout).toBe('end');
  });
});

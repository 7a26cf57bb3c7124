import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { detectSoc } from '../../../src/ascend/soc.ts';
import { socNameFromAcl } from '../../../src/runtime/acl/soc-name.ts';
import { compileLibrary, library, missing } from '../../support/acl-device.ts';
import { expectRejection } from '../../support/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Functions without which the library is not AscendCL. */
const version = 'int aclrtGetVersion(int *a, int *b, int *c) { return 0; }';

describe('the chip as AscendCL tells it', () => {
  test('is not known where there is no library, and nobody is asked', async () => {
    expect(await socNameFromAcl({ env: { HOME: tempDir() } })).toBeUndefined();
  });

  test('a file that is no library, but was asked for, is an error with the reason', async () => {
    const path = join(tempDir(), 'libascendcl.so');
    writeFileSync(path, 'not a library');
    const error = await expectRejection('E_ACL_LIBRARY', () => socNameFromAcl({ env: { SDGRAPH_ASCENDCL: path } }));
    expect(error.found).toMatch(/file too short|invalid ELF header/u);
  });
});

describe.skipIf(missing !== undefined)(`the chip as a library tells it ${missing ?? ''}`, () => {
  test('comes from the library that the environment names', async () => {
    const env = { SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_SOC: 'Ascend910B4' };
    expect(await socNameFromAcl({ env })).toBe('Ascend910B4');
  });

  test.each(['ASCEND_HOME_PATH', 'ASCEND_TOOLKIT_HOME', 'LD_LIBRARY_PATH', 'HOME'])(
    'is found through %s',
    async (name) => {
      const root = tempDir();
      const home = name === 'HOME' ? join(root, 'Ascend/ascend-toolkit/latest') : root;
      mkdirSync(join(home, 'lib64'), { recursive: true });
      copyFileSync(library, join(home, 'lib64/libascendcl.so'));
      const value = name === 'LD_LIBRARY_PATH' ? join(home, 'lib64') : root;
      expect(await socNameFromAcl({ env: { [name]: value } })).toBe('Ascend310P3');
    },
  );

  test('is not told: the library does not know the device', async () => {
    const env = { SDGRAPH_SIM_ACL_SOC: 'none' };
    const error = await expectRejection('E_ACL_LIBRARY', () => socNameFromAcl({ library, env }));
    expect(error.reason).toContain('does not tell the chip');
  });

  test('a library that crashes harms nobody', async () => {
    const path = compileLibrary(
      tempDir(),
      '#include <stdlib.h>\n__attribute__((constructor)) void f(void) { abort(); }',
    );
    const error = await expectRejection('E_ACL_LIBRARY', () => socNameFromAcl({ library: path }));
    expect(error.found).toContain('SIGABRT');
  });

  test('a library that hangs is left', async () => {
    const source = '#include <unistd.h>\n__attribute__((constructor)) void f(void) { for (;;) pause(); }';
    const path = compileLibrary(tempDir(), source);
    const error = await expectRejection('E_ACL_LIBRARY', () => socNameFromAcl({ library: path, timeoutMs: 300 }));
    expect(error.found).toContain('did not answer');
  });

  test('a library of another kind lacks functions', async () => {
    const path = compileLibrary(tempDir(), version);
    const error = await expectRejection('E_ACL_LIBRARY', () => socNameFromAcl({ library: path }));
    expect(error.found).toContain('has no acl');
  });

  test('detection takes it, and goes on with npu-smi where it is not told', async () => {
    const asked = await detectSoc({ env: { SDGRAPH_ASCENDCL: library } });
    expect(asked).toMatchObject({ socVersion: 'Ascend310P3', source: 'acl', notes: [] });
    const folder = tempDir();
    writeFileSync(join(folder, 'npu-smi'), '#!/bin/sh\nexit 1\n');
    chmodSync(join(folder, 'npu-smi'), 0o755);
    const env = { PATH: folder, SDGRAPH_ASCENDCL: library, SDGRAPH_SIM_ACL_SOC: 'none' };
    const other = await detectSoc({ env });
    expect(other.reason).toMatchObject({ code: 'E_NPU_SMI', kind: 'tool-failed' });
    expect(other.notes[0]).toMatch(/^AscendCL gives no name: /u);
    const named = await detectSoc({ env, npuSmi: join(folder, 'npu-smi') });
    expect(named.notes).toEqual([]);
  });
});

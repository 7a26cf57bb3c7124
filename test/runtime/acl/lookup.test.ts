import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { libraryCandidates, presentCandidates } from '../../../src/runtime/acl/lookup.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('where the AscendCL library is looked for', () => {
  test('the loader first, then what set_env.sh names, then the usual places', () => {
    const env = { ASCEND_HOME_PATH: '/opt/cann', ASCEND_TOOLKIT_HOME: '/opt/toolkit', HOME: '/home/me' };
    expect(libraryCandidates(undefined, env)).toEqual([
      'libascendcl.so',
      '/opt/cann/lib64/libascendcl.so',
      '/opt/toolkit/lib64/libascendcl.so',
      '/usr/local/Ascend/ascend-toolkit/latest/lib64/libascendcl.so',
      '/usr/local/Ascend/nnrt/latest/lib64/libascendcl.so',
      '/usr/local/Ascend/cann/lib64/libascendcl.so',
      '/home/me/Ascend/ascend-toolkit/latest/lib64/libascendcl.so',
      '/home/me/Ascend/nnrt/latest/lib64/libascendcl.so',
      '/home/me/Ascend/cann/lib64/libascendcl.so',
    ]);
  });

  test('no place twice, and none that depends on the folder of the process', () => {
    const env = { ASCEND_HOME_PATH: '/opt/cann', ASCEND_TOOLKIT_HOME: '/opt/cann' };
    expect(libraryCandidates(undefined, env).filter((path) => path.startsWith('/opt'))).toHaveLength(1);
    expect(libraryCandidates(undefined, { ASCEND_HOME_PATH: 'cann' })).toEqual(libraryCandidates(undefined, {}));
  });

  test.each([
    { why: 'the option', library: '/a/lib.so', env: { SDGRAPH_ASCENDCL: '/b/lib.so' }, found: '/a/lib.so' },
    { why: 'the variable', library: undefined, env: { SDGRAPH_ASCENDCL: '/b/lib.so' }, found: '/b/lib.so' },
  ])('what was asked for by $why, and nothing else', ({ library, env, found }) => {
    expect(libraryCandidates(library, env)).toEqual([found]);
    expect(presentCandidates(library, env)).toEqual([found]);
  });

  test('an empty variable asks for nothing', () => {
    expect(libraryCandidates(undefined, { SDGRAPH_ASCENDCL: '' })[0]).toBe('libascendcl.so');
  });

  test('present are those whose files are', () => {
    const home = tempDir();
    expect(presentCandidates(undefined, { ASCEND_HOME_PATH: home })).toEqual([]);
    mkdirSync(join(home, 'lib64'));
    const path = join(home, 'lib64/libascendcl.so');
    writeFileSync(path, '');
    expect(presentCandidates(undefined, { ASCEND_HOME_PATH: home })).toEqual([path]);
    expect(presentCandidates(undefined, { LD_LIBRARY_PATH: `/nowhere:${join(home, 'lib64')}` })).toEqual([
      'libascendcl.so',
    ]);
  });
});

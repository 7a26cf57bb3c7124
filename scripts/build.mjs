/**
 * Builds `dist/`: compiles `tsconfig.build.json`, then copies what the compiler reads but does not write, such as
 * target profiles (`.json`) and generated codecs (`.js` with a `.d.ts` beside it).
 *
 * Everything lands in a fresh folder that replaces `dist/` at the end, so a failed build leaves the old one alone and
 * a file whose source is gone does not linger.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(import.meta.resolve('typescript/package.json').replace(/package\.json$/u, 'bin/tsc'));
const dist = join(root, 'dist');
const fresh = mkdtempSync(join(root, '.dist-'));

/** @param {string} path */
const isAsset = (path) => path.endsWith('.d.ts') || !path.endsWith('.ts');

try {
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status === 0) {
    for (const folder of ['src', 'passes', 'bench']) {
      const from = join(root, folder);
      if (!existsSync(from)) continue;
      cpSync(from, join(fresh, relative(root, from)), {
        recursive: true,
        filter: (path) => statSync(path).isDirectory() || isAsset(path),
      });
    }
    // The fresh folder is its owner's alone; what is installed for all has to be readable by all.
    chmodSync(fresh, 0o755);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } else {
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Compiled modules in a temporary folder, for child processes: Node 20 does not run TypeScript. */
export interface Compiled {
  /** The compiled form of a module, given by its path in the repository: `src/io/atomic.ts`. */
  path(module: string): string;
  /** Removes the folder. */
  remove(): void;
}

/** Compiles modules of the project and all that they import. */
export function compile(...modules: string[]): Compiled {
  const root = resolve(import.meta.dirname, '../..');
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'sdgraph-compiled-'));
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  const config = join(dir, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        allowJs: false,
        checkJs: false,
        noCheck: true, // `npm run typecheck` has its own place
        rootDir: root,
        outDir: dir,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: [],
      exclude: [],
      files: modules.map((module) => join(root, module)),
    }),
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], { stdio: 'pipe' });
  // Generated JavaScript is not compiled.
  cpSync(join(root, 'src/wire/generated/onnx.js'), join(dir, 'src/wire/generated/onnx.js'));
  return {
    path: (module) => join(dir, module.replace(/\.ts$/, '.js')),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

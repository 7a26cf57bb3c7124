import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkLayers, LAYERS } from '../../scripts/check-layers.mjs';

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdgraph-layers-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Writes a tree of source files, by path. */
function tree(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const EMPTY = 'export {};\n';

test('every layer uses only layers below it', () => {
  const below = new Set<string>();
  for (const { name, uses } of LAYERS) {
    expect(uses.filter((used) => !below.has(used))).toEqual([]);
    below.add(name);
  }
});

test('a tree whose arrows all point down has no problems', () => {
  tree({
    'src/errors.ts': EMPTY,
    'src/wire/reader.ts': "import '../errors.ts';\n",
    'src/wire/generated/onnx.js': "import Long from 'long';\nexport { Long };\n",
    'src/wire/codec.ts': "import './generated/onnx.js';\nimport './reader.ts';\n",
    'src/ir/graph.ts': "import type { Reader } from '../wire/reader.ts';\n",
    'src/io/open.ts': "import '../ir/graph.ts';\nimport { open } from 'node:fs/promises';\n",
    'passes/index.ts': "export * from '../src/ir/graph.ts';\n",
    'src/cli/main.ts': "const { open } = await import('../io/open.ts');\n",
    'src/index.ts': "export * from './io/open.ts';\n",
  });
  expect(checkLayers(root)).toEqual({ files: 9, imports: 8, problems: [] });
});

const violations = [
  { why: 'an import', text: "import { a } from '../io/a.ts';", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'a type import', text: "import type { A } from '../io/a.ts';", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'an import for effect', text: "import '../io/a.ts';", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'a re-export', text: "export { a } from '../io/a.ts';", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'a re-export of all', text: "export * from '../io/a.ts';", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'a dynamic import', text: "await import('../io/a.ts');", problem: 'ir may not use io (src/io/a.ts)' },
  { why: 'an import type', text: "type A = import('../io/a.ts').A;", problem: 'ir may not use io (src/io/a.ts)' },
  {
    why: 'the URL of a worker',
    text: "new URL('../io/a.js', import.meta.url);",
    problem: 'ir may not use io (src/io/a.ts)',
  },
  {
    why: 'a computed import',
    text: 'await import(name);',
    problem: 'the target of this import is computed, so its layer cannot be checked',
  },
  {
    why: 'the package itself',
    text: "import 'sdgraph/passes';",
    problem: 'imports the package by its own name, which is its topmost layer',
  },
  {
    why: 'a file outside the layers',
    text: "import '../../test/helper.ts';",
    problem: 'imports test/helper.ts, which no layer holds',
  },
];

test.each(violations)('refuses $why that points up, with its line', ({ text, problem }) => {
  tree({ 'src/io/a.ts': EMPTY, 'src/ir/graph.ts': `// a comment\n\n${text}\n` });
  expect(checkLayers(root).problems).toEqual([`src/ir/graph.ts:3: ${problem}`]);
});

describe('rooms of one level', () => {
  const rooms = ['ascend', 'diffusion', 'export', 'quantize', 'report', 'score'];
  const pairs = rooms.flatMap((from) => rooms.filter((to) => to !== from).map((to) => ({ from, to })));

  test.each(pairs)('$from may not use $to', ({ from, to }) => {
    tree({ [`src/${to}/a.ts`]: EMPTY, [`src/${from}/b.ts`]: `import '../${to}/a.ts';\n` });
    expect(checkLayers(root).problems).toEqual([`src/${from}/b.ts:1: ${from} may not use ${to} (src/${to}/a.ts)`]);
  });
});

test('comments and strings that look like imports are not imports', () => {
  tree({
    'src/io/a.ts': EMPTY,
    'src/ir/graph.ts': "// import '../io/a.ts';\nexport const text = \"import '../io/a.ts'\";\n",
  });
  expect(checkLayers(root).problems).toEqual([]);
});

test('a URL may name data outside the layers', () => {
  tree({ 'src/cli/version.ts': "new URL('../../../package.json', import.meta.url);\n" });
  expect(checkLayers(root).problems).toEqual([]);
});

test('a file in no layer is a problem', () => {
  tree({ 'src/utils/misc.ts': EMPTY });
  expect(checkLayers(root).problems).toEqual(['src/utils/misc.ts: no layer is defined for this file']);
});

describe('cycles', () => {
  test('between two files', () => {
    tree({ 'src/ir/a.ts': "import './b.ts';\n", 'src/ir/b.ts': "import './a.ts';\n" });
    expect(checkLayers(root).problems).toEqual(['import cycle: src/ir/a.ts -> src/ir/b.ts -> src/ir/a.ts']);
  });

  test('of types alone are allowed, for they are gone when the code runs', () => {
    tree({
      'src/ir/a.ts': "import type { B } from './b.ts';\nexport type { B } from './b.ts';\n",
      'src/ir/b.ts': "import './a.ts';\nexport type A = import('./a.ts').A;\n",
    });
    expect(checkLayers(root).problems).toEqual([]);
  });

  test('with inline type specifiers count, for the import itself stays', () => {
    tree({ 'src/ir/a.ts': "import { type B } from './b.ts';\n", 'src/ir/b.ts': "import './a.ts';\n" });
    expect(checkLayers(root).problems).toEqual(['import cycle: src/ir/a.ts -> src/ir/b.ts -> src/ir/a.ts']);
  });

  test('of one file', () => {
    tree({ 'src/ir/a.ts': "export * from './a.ts';\n" });
    expect(checkLayers(root).problems).toEqual(['import cycle: src/ir/a.ts -> src/ir/a.ts']);
  });

  test('are reported by their shortest way, not once for every file in them', () => {
    tree({
      'src/ir/a.ts': "import './b.ts';\n",
      'src/ir/b.ts': "import './c.ts';\n",
      'src/ir/c.ts': "import './a.ts';\nimport './b.ts';\n",
      'src/ir/d.ts': "import './e.ts';\n",
      'src/ir/e.ts': "import './d.ts';\nimport './a.ts';\n",
    });
    expect(checkLayers(root).problems).toEqual([
      'import cycle: src/ir/a.ts -> src/ir/b.ts -> src/ir/c.ts -> src/ir/a.ts',
      'import cycle: src/ir/d.ts -> src/ir/e.ts -> src/ir/d.ts',
    ]);
  });

  test('a worker that imports the file which starts it is none', () => {
    tree({
      'src/runtime/session.ts': "new Worker(new URL('./worker.js', import.meta.url));\n",
      'src/runtime/worker.ts': "import type { Job } from './session.ts';\n",
    });
    expect(checkLayers(root).problems).toEqual([]);
  });
});

test('source that cannot be parsed is an error, not a pass', () => {
  tree({ 'src/ir/a.ts': 'import {{ from;\n' });
  expect(() => checkLayers(root)).toThrow(/src\/ir\/a\.ts cannot be parsed/u);
});

describe('the command', () => {
  const script = fileURLToPath(new URL('../../scripts/check-layers.mjs', import.meta.url));
  const run = () => spawnSync(process.execPath, [script, root], { encoding: 'utf8' });

  test('passes a clean tree', () => {
    tree({ 'src/errors.ts': EMPTY });
    expect(run()).toMatchObject({ status: 0, stdout: 'layers: 1 files, 0 imports, 0 problems\n' });
  });

  test('fails a tree with a violation and prints it', () => {
    tree({ 'src/errors.ts': "import './index.ts';\n", 'src/index.ts': EMPTY });
    const { status, stdout } = run();
    expect(status).toBe(1);
    expect(stdout).toBe(
      'src/errors.ts:1: errors may not use index (src/index.ts)\nlayers: 2 files, 1 imports, 1 problems\n',
    );
  });

  test('fails when there is nothing to check', () => {
    expect(run().status).toBe(1);
  });
});

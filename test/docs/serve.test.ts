import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Compiled, compile } from '../support/compile.ts';
import { tempDir } from '../support/temp-dir.ts';
import { writeTinyModels } from '../support/tiny-pipeline.ts';
import { tinySd } from '../support/tiny-sd.ts';

const ROOT = resolve(import.meta.dirname, '../..');

let compiled: Compiled;
beforeAll(() => {
  compiled = compile('src/index.ts');
  const folder = dirname(dirname(compiled.path('src/index.ts')));
  for (const sources of ['src', 'passes']) {
    cpSync(join(ROOT, sources), join(folder, sources), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
    });
  }
});
afterAll(() => compiled.remove());

/** The lines that a server prints, one by one. */
function linesOf(server: ChildProcess): AsyncIterator<string> {
  if (server.stdout === null) throw new Error('no output');
  return createInterface({ input: server.stdout })[Symbol.asyncIterator]();
}

test('docs/examples/serve.mjs serves images', async () => {
  const dir = tempDir();
  const page = readFileSync(join(ROOT, 'docs/examples/serve.mjs'), 'utf8');
  const program = join(dir, 'serve.mjs');
  writeFileSync(program, page.replace("'sdgraph'", `'${pathToFileURL(compiled.path('src/index.ts')).href}'`));
  const args = [program, tinySd('sd15'), writeTinyModels(dir, 'sd15'), '0'];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => server.once('close', (code) => done(code)));
  try {
    const lines = linesOf(server);
    const [, port = ''] = /^port (\d+)$/.exec(String((await lines.next()).value)) ?? [];
    const url = `http://127.0.0.1:${port}/`;
    const ask = (query: string): Promise<Response> => fetch(url + query, { headers: { connection: 'close' } });

    const image = await ask('?prompt=the+ocean&steps=2&seed=5');
    expect(image.headers.get('content-type')).toBe('image/png');
    const bytes = Buffer.from(await image.arrayBuffer());
    expect(PNG.sync.read(bytes)).toMatchObject({ width: 128, height: 128 });
    const again = await ask('?prompt=the+ocean&steps=2&seed=5');
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);

    for (const query of ['', '?prompt=a&steps=0', '?prompt=a&steps=many', '?prompt=a&seed=1.5']) {
      const refused = await ask(query);
      expect(refused.status, query).toBe(400);
      expect(await refused.text()).not.toBe('');
    }

    const client = get(`${url}?prompt=a&steps=999`, { agent: false });
    client.on('error', () => undefined);
    client.once('finish', () => client.destroy());
    expect((await lines.next()).value).toBe('client gone');
    expect((await ask('?prompt=a&steps=1')).status).toBe(200);
  } finally {
    server.kill('SIGTERM');
  }
  expect(await ended).toBe(0);
});

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodedByProtobufjs } from '../support/protobuf-oracle.ts';
import { tempDir } from '../support/temp-dir.ts';

const folder = fileURLToPath(new URL('../../fixtures/awkward-wire', import.meta.url));
const script = fileURLToPath(new URL('../../scripts/make-awkward-wire.mjs', import.meta.url));
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));

/** Names in the first column of the tables of a section. */
function listed(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+\.onnx)`/gmu)].map(([, name]) => String(name));
}

function bytesOf(name: string): Uint8Array {
  return readFileSync(join(folder, name));
}

describe('the files of awkward wire', () => {
  test('are what their script writes', () => {
    const fresh = tempDir();
    execFileSync(process.execPath, [script, fresh]);
    expect(readdirSync(fresh).toSorted()).toEqual(files.toSorted());
    for (const name of files) expect(readFileSync(join(fresh, name)), name).toEqual(bytesOf(name));
  });

  test('are all explained', () => {
    expect(['plain.onnx', ...listed(readme)].toSorted()).toEqual(files.toSorted());
  });

  const [same = '', other = ''] = readme.split('## Other models');
  const refused = (name: string) => name.endsWith('-of-ten-bytes.onnx');
  const plain = decodedByProtobufjs(bytesOf('plain.onnx'));

  test.each(listed(same).filter((name) => !refused(name)))('%s reads as the plain model', (name) => {
    expect(bytesOf(name)).not.toEqual(bytesOf('plain.onnx'));
    expect(decodedByProtobufjs(bytesOf(name))).toEqual(plain);
  });

  test.each(listed(same).filter(refused))('%s is more than protobufjs takes', (name) => {
    expect(() => decodedByProtobufjs(bytesOf(name))).toThrow(/invalid (tag|length) encoding/u);
  });

  test.each(listed(other))('%s reads as another model', (name) => {
    expect(decodedByProtobufjs(bytesOf(name))).not.toEqual(plain);
  });
});

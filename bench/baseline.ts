import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import type { Range } from './job.ts';

const READ_CHUNK = 1 << 20;
const COPY_CHUNK = 512 << 10;

/** Reads ranges of a file into one buffer and looks at nothing. */
export function readRanges(input: string, ranges: readonly Range[]): void {
  walk(input, ranges, READ_CHUNK, () => {});
}

/** Copies ranges of a file into a new one, which is synced: the least that moving those bytes takes. */
export function copyRanges(input: string, ranges: readonly Range[], output: string): void {
  const fd = openSync(output, 'wx');
  walk(input, ranges, COPY_CHUNK, (bytes) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
  });
  fsyncSync(fd);
  closeSync(fd);
}

function walk(input: string, ranges: readonly Range[], chunk: number, use: (bytes: Uint8Array) => void): void {
  const buffer = new Uint8Array(chunk);
  const fd = openSync(input, 'r');
  for (const { start, end } of ranges) {
    for (let at = start; at < end; ) {
      const got = readSync(fd, buffer, 0, Math.min(chunk, end - at), at);
      if (got === 0) throw new Error(`${input} ends at ${at}`);
      use(buffer.subarray(0, got));
      at += got;
    }
  }
  closeSync(fd);
}

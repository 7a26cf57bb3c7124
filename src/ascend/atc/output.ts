/** What ATC prints, read as it comes: little of it is kept, however much there is. */

import { StringDecoder } from 'node:string_decoder';
import { type AtcError, AtcErrorReader } from './errors.ts';

/** Longest line that is looked at, in characters; the rest of a line is passed over. */
const MAX_LINE = 8192;
/** Last lines that are kept. */
const TAIL_LINES = 40;
/** What is kept of each of them. */
const TAIL_WIDTH = 500;

/** The names of a process's streams of text. */
export type StreamName = 'stdout' | 'stderr';

/** Reads both streams of ATC. */
export class AtcOutput {
  readonly #streams = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  readonly #errors = new AtcErrorReader();
  readonly #tail: string[] = [];
  #success = false;
  #failure = false;

  /** Whether ATC said that it succeeded, and did not say later that it failed. */
  get hasSucceeded(): boolean {
    return this.#success && !this.#failure;
  }

  get errors(): readonly AtcError[] {
    return this.#errors.errors;
  }

  /** The last lines, without those that are only dots. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Takes what a stream gave next. */
  take(stream: StreamName, bytes: Uint8Array): void {
    for (const line of this.#streams[stream].take(bytes)) this.#line(line);
  }

  /** Takes what stood behind the last end of a line. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const)
      for (const line of this.#streams[stream].end()) this.#line(line);
  }

  #line(line: string): void {
    if (/^ATC run success\b/u.test(line)) this.#success = true;
    else if (/^ATC run failed\b/u.test(line)) this.#failure = true;
    else this.#errors.take(line);
    if (/^[.\s]*$/u.test(line)) return;
    this.#tail.push(line.slice(0, TAIL_WIDTH));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }
}

/** Cuts bytes into lines. A line is cut off at its maximum and its rest passed over. */
class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  *take(bytes: Uint8Array): Generator<string> {
    yield* this.#split(this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  }

  *end(): Generator<string> {
    yield* this.#split(`${this.#decoder.end()}\n`);
  }

  *#split(text: string): Generator<string> {
    let start = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', start)) {
      const line = this.#rest + text.slice(start, Math.min(at, start + MAX_LINE));
      this.#rest = '';
      start = at + 1;
      // A carriage return draws over what was there: only what is last can be seen.
      yield line.slice(0, MAX_LINE).replace(/\r+$/u, '').replace(/^.*\r/su, '');
    }
    if (this.#rest.length < MAX_LINE) this.#rest += text.slice(start, start + MAX_LINE);
  }
}

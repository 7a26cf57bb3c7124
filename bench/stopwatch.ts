/** Times the parts of a job. */
export class Stopwatch {
  /** Milliseconds of each part. */
  readonly parts: Record<string, number> = {};
  #last = performance.now();

  /** Ends a part. */
  lap(part: string): void {
    const now = performance.now();
    this.note(part, now - this.#last);
    this.#last = now;
  }

  /** Takes down a time that was measured elsewhere. */
  note(part: string, milliseconds: number): void {
    this.parts[part] = (this.parts[part] ?? 0) + milliseconds;
  }
}

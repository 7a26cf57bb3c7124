import { DataType } from '../../src/ir/data-type.ts';
import type { InferenceSession, RunTimings, SessionPort, SessionTensor } from '../../src/runtime/session.ts';

/** A session that answers what it is told to, and counts. */
export class FakeSession implements InferenceSession {
  readonly inputs: readonly SessionPort[] = [{ name: 'x', dataType: DataType.FLOAT, shape: [1] }];
  readonly outputs: readonly SessionPort[] = [{ name: 'y', dataType: DataType.FLOAT, shape: [1] }];
  timings: RunTimings | undefined;
  runs = 0;
  isClosed = false;
  readonly #onRun: (run: number, session: FakeSession) => void;

  /** @param onRun called within each run with its number, from 1; may throw */
  constructor(onRun: (run: number, session: FakeSession) => void = () => undefined) {
    this.#onRun = onRun;
  }

  run(): Promise<Map<string, SessionTensor>> {
    this.runs++;
    this.#onRun(this.runs, this);
    return Promise.resolve(new Map([['y', { dataType: DataType.FLOAT, dims: [1], data: Float32Array.of(1) }]]));
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

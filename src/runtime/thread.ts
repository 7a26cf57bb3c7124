import { Worker } from 'node:worker_threads';

/** What a thread answered when it could not do what it was asked. */
export class ThreadError extends Error {
  override readonly name = 'ThreadError';
  /** What the thread says besides the message, as plain data. */
  readonly details: unknown;

  constructor(message: string, details?: unknown) {
    super(message);
    this.details = details;
  }
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly details?: unknown };
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that have questions to answer. */
const busy = new Set<RuntimeThread>();

/** Whether any thread is at work: native code that cannot be interrupted, and must not be. */
export function isThreadBusy(): boolean {
  return busy.size > 0;
}

/**
 * A thread that answers questions in order. One that dies answers all that are open, and all that follow, with an error.
 * A question keeps the process alive, an idle thread does not.
 */
export class RuntimeThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: Error | undefined;

  /**
   * @param script JavaScript that takes messages with an `id` and posts one answer to each
   * @param died called once, when the thread ends without having been asked to
   */
  constructor(script: URL, name: string, died: () => void = () => undefined) {
    this.#worker = new Worker(script, { name });
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('messageerror', (error) => this.#fail(error, died));
    this.#worker.on('error', (error) => this.#fail(error, died));
    this.#worker.on('exit', () => this.#fail(new Error('the thread of the session ended'), died));
    this.#worker.unref();
  }

  /** @throws ThreadError with what the thread says; another Error when the thread is gone */
  ask(question: object): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    this.#worker.ref();
    busy.add(this);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.#worker.postMessage({ id, ...question });
    });
  }

  /** Asks a last question, then ends the thread whatever the answer is. */
  async end(question: object): Promise<void> {
    if (this.#ended !== undefined) return;
    try {
      await this.ask(question);
    } finally {
      this.#ended ??= new Error('the session is closed');
      await this.#worker.terminate();
    }
  }

  #settle({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new ThreadError(error.message, error.details));
    if (this.#waiting.size > 0) return;
    this.#worker.unref();
    busy.delete(this);
  }

  #fail(error: Error, died: () => void): void {
    if (this.#ended === undefined) {
      this.#ended = error;
      died();
    }
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    busy.delete(this);
  }
}

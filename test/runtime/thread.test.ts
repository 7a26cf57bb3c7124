import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { RuntimeThread, ThreadError } from '../../src/runtime/thread.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A thread that answers what it is asked, or dies, as the question says. */
function thread(died?: () => void): RuntimeThread {
  const script = join(tempDir(), 'worker.mjs');
  writeFileSync(
    script,
    `import { parentPort } from 'node:worker_threads';
parentPort.on('message', ({ id, kind }) => {
  if (kind === 'exit') process.exit(3);
  if (kind === 'throw') throw new Error('uncaught');
  if (kind === 'fail') parentPort.postMessage({ id, error: { message: 'refused', details: { code: 7 } } });
  else if (kind !== 'silence') parentPort.postMessage({ id, result: kind });
});`,
  );
  return new RuntimeThread(pathToFileURL(script), 'test', died);
}

describe('a thread of a runtime', () => {
  test('answers questions, and says what went wrong with details', async () => {
    const died = vi.fn<() => void>();
    const asked = thread(died);
    expect(await Promise.all(['a', 'b'].map((kind) => asked.ask({ kind })))).toEqual(['a', 'b']);
    const failure = await asked.ask({ kind: 'fail' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ThreadError);
    expect(failure).toMatchObject({ message: 'refused', details: { code: 7 } });
    await asked.end({ kind: 'bye' });
    await asked.end({ kind: 'bye' });
    expect(died).not.toHaveBeenCalled();
    await expect(asked.ask({ kind: 'a' })).rejects.toThrow('closed');
  });

  test.each([
    ['exit', 'ended'],
    ['throw', 'uncaught'],
  ])('that dies by %s answers everything with an error, and tells once', async (kind, words) => {
    const died = vi.fn<() => void>();
    const dying = thread(died);
    const open = ['silence', kind, 'a'].map((each) => dying.ask({ kind: each }));
    for (const outcome of await Promise.allSettled(open)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringContaining(words) as string },
      });
    }
    await expect(dying.ask({ kind: 'a' })).rejects.toThrow(words);
    await dying.end({ kind: 'bye' });
    expect(died).toHaveBeenCalledTimes(1);
  });

  test('ends although its last answer is a failure, and passes that on', async () => {
    const failing = thread();
    await expect(failing.end({ kind: 'fail' })).rejects.toThrow('refused');
    await expect(failing.ask({ kind: 'a' })).rejects.toThrow('closed');
  });
});

import { expect, test } from 'vitest';
import { closeAfter } from '../../src/runtime/close-after.ts';

function resource(failure?: string): { close: () => Promise<void>; closed: () => number } {
  let closed = 0;
  return {
    close: () => {
      closed++;
      return failure === undefined ? Promise.resolve() : Promise.reject(new Error(failure));
    },
    closed: () => closed,
  };
}

test('gives what the work gave, closed', async () => {
  const it = resource();
  expect(await closeAfter(it, () => Promise.resolve(it.closed()))).toBe(0);
  expect(it.closed()).toBe(1);
});

test.each([undefined, 'cannot close'])('the failure of the work is what counts (closing: %s)', async (failure) => {
  const it = resource(failure);
  await expect(closeAfter(it, () => Promise.reject(new Error('work')))).rejects.toThrow('work');
  expect(it.closed()).toBe(1);
});

test('failing to close is a failure', async () => {
  const it = resource('cannot close');
  await expect(closeAfter(it, () => Promise.resolve(1))).rejects.toThrow('cannot close');
  expect(it.closed()).toBe(1);
});

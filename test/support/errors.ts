import { expect } from 'vitest';
import { type ErrorCode, SdgraphError } from '../../src/errors.ts';

/** Runs `action`, which must throw an SdgraphError with this code, and returns the error for a closer look. */
export function expectError(code: ErrorCode, action: () => unknown): SdgraphError {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `expected ${code}`).toBeInstanceOf(SdgraphError);
  const error = thrown as SdgraphError;
  expect(error.code, error.message).toBe(code);
  return error;
}

/** The same for an action that answers later. */
export async function expectRejection(code: ErrorCode, action: () => Promise<unknown>): Promise<SdgraphError> {
  const outcome = await action().then(
    () => undefined,
    (error: unknown) => error,
  );
  return expectError(code, () => {
    if (outcome !== undefined) throw outcome as Error;
  });
}

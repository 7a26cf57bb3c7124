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

import { expect, test } from 'vitest';
import { oneLine, SdgraphError } from '../src/errors.ts';

const HOSTILE = 'a\u001b[31m\u0007\r\n\u009bb\ud800';

test('a message is one line without control characters, wherever names from a file stand in it', () => {
  const { message } = new SdgraphError(
    'E_VERIFY',
    `no input ${HOSTILE}`,
    { file: HOSTILE, path: HOSTILE, name: HOSTILE, pass: HOSTILE },
    { expected: HOSTILE, found: HOSTILE },
  );
  expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u);
  expect(message).toContain('(expected a\ufffd[31m\ufffd \ufffdb\ufffd, found a\ufffd[31m');
});

test('lines of a sentence are joined', () => {
  expect(oneLine('first \n\n  second\r\nthird\tx')).toBe('first second third\ufffdx');
});

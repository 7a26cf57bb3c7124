import { describe, expect, test } from 'vitest';
import { adviseAtc, parseAtcErrors } from '../../../src/ascend/atc/errors.ts';

const FACTS = { socVersion: 'Ascend310P3', pluginOperators: [], signal: null, tail: [] };

describe('error entries', () => {
  test('of old versions', () => {
    const text = [
      "ATC run failed, Please check the detail log, Try 'atc --help' for more information",
      'E10001: Value [Ascend310P] for parameter [--soc_version] is invalid. Reason: unknown.',
      '        Solution: Try again with a valid argument.',
      '        TraceBack (most recent call last):',
      '        Failed to parse.',
      'something else',
      '    Solution: of nothing',
    ];
    expect(parseAtcErrors(text.join('\r\n'))).toEqual([
      {
        code: 'E10001',
        message: 'Value [Ascend310P] for parameter [--soc_version] is invalid. Reason: unknown.',
        causes: [],
        solutions: ['Try again with a valid argument.'],
      },
    ]);
  });

  test('of new versions, with times, causes and warnings', () => {
    const text = [
      '[PID: 4242] 2025-01-01-00:00:00.000.000 nothing',
      '[2025-01-01 00:00:00] [PID: 4242] E16002: No parser is registered for Op [x].',
      '        Possible Cause: 1. The package is missing.',
      '        2. It was not sourced.',
      '        Solution: 1. Install it.',
      '        2. Source it.',
      'W11001: Op [y] does not hit the high-priority operator library.',
      'EZ3003: No supported Ops kernel is found.',
      'E19999: Inner Error!',
      'EE9999 [Init] failed',
    ];
    expect(parseAtcErrors(text.join('\n'))).toEqual([
      {
        code: 'E16002',
        message: 'No parser is registered for Op [x].',
        causes: ['1. The package is missing.', '2. It was not sourced.'],
        solutions: ['1. Install it.', '2. Source it.'],
      },
      {
        code: 'W11001',
        message: 'Op [y] does not hit the high-priority operator library.',
        causes: [],
        solutions: [],
      },
      { code: 'EZ3003', message: 'No supported Ops kernel is found.', causes: [], solutions: [] },
      { code: 'E19999', message: 'Inner Error!', causes: [], solutions: [] },
      { code: 'EE9999', message: '[Init] failed', causes: [], solutions: [] },
    ]);
  });

  test('whose message stands on the next line', () => {
    expect(parseAtcErrors('E19999:\nAn unknown error occurred. Please check the log.')[0]?.message).toBe(
      'An unknown error occurred. Please check the log.',
    );
  });

  test.each(['', 'nothing', '[ERROR] GE(1,atc): E10001: in a log line', 'E1000: short', 'XE10001: no', 'e10001: no'])(
    'are not in %j',
    (text) => {
      expect(parseAtcErrors(text)).toEqual([]);
    },
  );

  test('are bounded in number, length and lines', () => {
    const text = `E10001: ${'x'.repeat(100_000)}\n${'  more\n'.repeat(10_000)}`.repeat(300);
    const errors = parseAtcErrors(text);
    expect(errors).toHaveLength(100);
    expect(JSON.stringify(errors).length).toBeLessThan(1_000_000);
  });

  test('are found in linear time, whatever the brackets', () => {
    expect(parseAtcErrors(`${'['.repeat(500_000)}E10001: x`)).toEqual([]);
    expect(parseAtcErrors(`${'[]'.repeat(200_000)}E10001: x`)).toHaveLength(1);
  });
});

describe('advice', () => {
  const error = (code: string, message: string) => [{ code, message, causes: [], solutions: [] }];

  test.each([
    ['E10001', 'Value [Ascend310P] for parameter [--soc_version] is invalid.', /does not know Ascend310P3/],
    ['E10001', 'Value [x] for parameter [--log] is invalid.', /an option has a value/],
    ['E10007', '[--framework] is required.', /missing/],
    ['E10016', 'Opname [x] is not found.', /sdgraph inspect/],
    ['E16002', 'No parser is registered for Op [FlashAttentionTik].', /operator package/],
    ['E16002', 'No parser is registered for Op [Einsum].', /opset 11/],
    ['E40020', 'Failed to import Python module [sympy].', /module sympy/],
    ['E40020', 'Failed.', /numpy/],
    ['E13004', 'Failed to write.', /free space/],
    ['E19999', 'Inner Error!', /ascend\/log/],
    ['EZ3003', 'No supported Ops kernel.', /not supported on Ascend310P3/],
  ])('%s: %s', (code, message, expected) => {
    expect(adviseAtc(error(code, message), FACTS)[0]).toMatch(expected);
  });

  test('for a Python module that is only in the text', () => {
    const tail = ["ModuleNotFoundError: No module named 'decorator'"];
    expect(adviseAtc([], { ...FACTS, tail })[0]).toMatch(/module decorator/);
  });

  test('for a full disk that only the text tells of', () => {
    const tail = ["Error: ENOSPC: no space left on device, open './unet.om'"];
    expect(adviseAtc([], { ...FACTS, tail })[0]).toMatch(/free space/);
  });

  test('for a kill', () => {
    expect(adviseAtc([], { ...FACTS, signal: 'SIGKILL' })[0]).toMatch(/memory/);
    expect(adviseAtc([], { ...FACTS, signal: 'SIGSEGV' })).toEqual(['ATC was ended by SIGSEGV']);
  });

  test('is not made up', () => {
    expect(adviseAtc(error('E99998', 'news'), FACTS)).toEqual([]);
  });
});

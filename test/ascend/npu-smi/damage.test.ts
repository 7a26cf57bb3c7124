import { describe, expect, test } from 'vitest';
import { parseNpuSmi } from '../../../src/ascend/npu-smi/parse.ts';
import { fixture } from './fixtures.ts';

const HEAD = [
  '| NPU     Name | Health | Power(W) Temp(C) |',
  '| Chip    Device | Bus-Id | AICore(%) Memory-Usage(MB) |',
];

function read(...rows: readonly string[]): ReturnType<typeof parseNpuSmi> {
  return parseNpuSmi([...HEAD, ...rows].join('\n'));
}

describe('rows that are not whole', () => {
  test('the name without the bus is a chip all the same', () => {
    const { devices, problems, socVersion } = read('| 2 310P3 | OK | 12.8 61 0 / 969 |', '| 5 310P3 | OK | NA 47 |');
    expect(devices).toMatchObject([
      { npu: 2, chip: null, name: '310P3', power_w: 12.8, temp_c: 61, bus_id: null },
      { npu: 5, chip: null, name: '310P3', power_w: null, temp_c: 47 },
    ]);
    expect(problems.map(({ kind, line }) => [kind, line])).toEqual([
      ['half', 3],
      ['half', 4],
    ]);
    expect(socVersion).toBe('Ascend310P3');
  });

  test('the bus without the name (a state that the tool cannot print) is a problem', () => {
    const { devices, problems } = read(
      '| 0 0 | 0000:01:00.0 | 0 577 / 7759 |',
      '| 1 310 | OK | 1.0 2 |',
      '| 0 1 | 0000:02:00.0 | 0 5 / 6 |',
    );
    expect(devices).toMatchObject([{ npu: 1, device: 1, name: '310', mem_used_mb: 5 }]);
    expect(problems).toMatchObject([{ kind: 'half', line: 3 }]);
  });

  test('a chip named with digits alone is not taken for a lower row', () => {
    const { devices } = read('| 0 310 | OK | 1.0 2 |', '| 1 310 | Alarm | 1.0 2 |', '| 0 1 | NA | 0 5 / 6 |');
    expect(devices).toMatchObject([
      { npu: 0, name: '310', health: 'OK', chip: null },
      { npu: 1, name: '310', health: 'Alarm', chip: 0, bus_id: null },
    ]);
  });

  test('a row of another kind is a problem, and the rows after it are read', () => {
    const { devices, problems } = read('| what | is | this |', '| 0 310P3 | OK | 1.0 2 |', '| 0 0 | NA | 0 5 / 6 |');
    expect(devices).toHaveLength(1);
    expect(problems).toMatchObject([{ kind: 'row', line: 3, text: '| what | is | this |' }]);
  });

  test('bars at the ends may be missing', () => {
    const { devices, problems } = read('| 0 310P3 | OK | 1.0 2 0 / 0', '| 0 7 | 0000:01:00.0 | 3 61125/ 65536');
    expect(devices).toMatchObject([{ device: 7, aicore_pct: 3, mem_used_mb: 61125, mem_total_mb: 65536 }]);
    expect(problems).toEqual([]);
  });
});

describe('values', () => {
  test.each(['0K', '正常', 'Fine'])('a state that is not known is unknown: %s', (state) => {
    const { devices, problems } = read(`| 0 310P3 | ${state} | 1.0 2 |`, '| 0 0 | NA | 0 5 / 6 |');
    expect(devices).toMatchObject([{ health: 'UNKNOWN', temp_c: 2 }]);
    expect(problems).toMatchObject([{ kind: 'health', line: 3 }]);
  });

  test.each([
    ['1.5', { power_w: 1.5, temp_c: null }],
    ['47', { power_w: null, temp_c: 47 }],
    ['NA NA', { power_w: null, temp_c: null }],
    ['', { power_w: null, temp_c: null }],
    ['47 0 / 0', { power_w: null, temp_c: 47 }],
    ['12.0 -5 0 / 0', { power_w: 12, temp_c: -5 }],
    ['a lot', { power_w: null, temp_c: null }],
  ])('power and temperature: %s', (values, wanted) => {
    expect(read(`| 0 310P3 | OK | ${values} |`, '| 0 0 | NA | 0 5 / 6 |').devices).toMatchObject([wanted]);
  });

  test.each([
    ['0 NA / 7759', { aicore_pct: 0, mem_used_mb: null, mem_total_mb: 7759 }],
    ['0 N/A / 7759', { aicore_pct: 0, mem_used_mb: null, mem_total_mb: 7759 }],
    ['NA 5/6', { aicore_pct: null, mem_used_mb: 5, mem_total_mb: 6 }],
    ['5 / 6', { aicore_pct: null, mem_used_mb: 5, mem_total_mb: 6 }],
    ['', { aicore_pct: null, mem_used_mb: null, mem_total_mb: null }],
    ['/ / /', { aicore_pct: null, mem_used_mb: null, mem_total_mb: null }],
    ['1 2 / 3 4 / 5', { mem_used_mb: 2, mem_total_mb: 3, hbm_used_mb: 4, hbm_total_mb: 5 }],
    ['1 99999999999999999999 / 3', { mem_used_mb: null, mem_total_mb: 3 }],
  ])('load and memory: %s', (values, wanted) => {
    expect(read('| 0 310P3 | OK | 1.0 2 |', `| 0 0 | NA | ${values} |`).devices).toMatchObject([wanted]);
  });

  test('a chip without a name', () => {
    const { devices, socVersion } = read('| 0 | OK | 1.0 2 |', '| 0 0 | NA | 0 5 / 6 |');
    expect(devices).toMatchObject([{ npu: 0, name: null, chip: 0 }]);
    expect(socVersion).toBeNull();
  });
});

describe('processes', () => {
  test('without the header that usually stands above them', () => {
    const rows = ['| 0 310P3 | OK | 1.0 2 |', '| 0 0 | NA | 0 5 / 6 |', '| 0 0 | 3277562 | mindie_llm_back | 14513 |'];
    const { devices, processes } = read(...rows);
    expect(devices).toHaveLength(1);
    expect(processes).toEqual([{ npu: 0, chip: 0, pid: 3277562, name: 'mindie_llm_back', mem_mb: 14513 }]);
  });

  test('a row that is cut off is a problem', () => {
    const text = fixture('A3-25.2.0-process.txt');
    const { processes, problems, devices } = parseNpuSmi(text.slice(0, text.indexOf('python')));
    expect({ processes, count: devices.length }).toEqual({ processes: [], count: 4 });
    expect(problems).toMatchObject([{ kind: 'row', reason: 'not a row of a table of processes' }]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNpuSmi } from '../../../src/ascend/npu-smi/parse.ts';
import type { NpuDevice, NpuProcess } from '../../../src/ascend/npu-smi/report.ts';

/** Widths of the columns of a layout, as the tool prints them. */
interface Layout {
  readonly name: string;
  readonly header: readonly [string, string];
  /** Cells of the upper row, each with the widths of its columns. */
  readonly upper: readonly (readonly number[])[];
  readonly lower: readonly (readonly number[])[];
  readonly process: readonly (readonly number[])[];
  readonly has: { readonly device: boolean; readonly hbm: boolean; readonly pages: boolean; readonly chip: boolean };
}

const ROWS = {
  a: 'Power(W)     Temp(C)           Hugepages-Usage(page)',
  b: 'AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)',
};

const LAYOUTS: readonly Layout[] = [
  {
    name: '310, 310B, 310P',
    header: [`NPU     Name | Health | ${ROWS.a}`, 'Chip    Device | Bus-Id | AICore(%)    Memory-Usage(MB)'],
    upper: [[7, 22], [15], [12, 17, 6, 0, 13]],
    lower: [[7, 22], [15], [12, 5, 0, 32]],
    process: [[7, 22], [15], [24], [25]],
    has: { device: true, hbm: false, pages: true, chip: true },
  },
  {
    name: '910A, 910B',
    header: [`NPU   Name | Health | ${ROWS.a}`, `Chip | Bus-Id | ${ROWS.b}`],
    upper: [[5, 20], [13], [11, 17, 5, 0, 13]],
    lower: [[26], [13], [11, 5, 0, 10, 5, 0, 13]],
    process: [[7, 18], [13], [24], [23]],
    has: { device: false, hbm: true, pages: true, chip: true },
  },
  {
    name: 'A3',
    header: [`NPU   Name | Health | ${ROWS.a}`, `Chip  Phy-ID | Bus-Id | ${ROWS.b}`],
    upper: [[5, 20], [13], [11, 17, 6, 0, 13]],
    lower: [[5, 20], [13], [11, 5, 0, 10, 6, 0, 13]],
    process: [[7, 18], [13], [24], [24]],
    has: { device: true, hbm: true, pages: true, chip: true },
  },
  {
    name: '950',
    header: [`NPU ID | Name | Health | ${ROWS.a}`, '| | Bus-Id | NPU Util(%)  Memory-Usage(MB)  HBM-Usage(MB)'],
    upper: [[7], [20], [13], [11, 17, 6, 0, 13]],
    lower: [[7], [20], [13], [11, 5, 0, 10, 6, 0, 13]],
    process: [[7], [13], [24], [24]],
    has: { device: false, hbm: true, pages: true, chip: false },
  },
  {
    name: 'versions of 2020',
    header: ['NPU   Name | Health | Power(W)   Temp(C)', `Chip | Bus-Id | ${ROWS.b}`],
    upper: [[5, 15], [13], [10, 17]],
    lower: [[21], [13], [10, 5, 0, 10, 5, 0, 13]],
    process: [[7, 18], [13], [24], [23]],
    has: { device: false, hbm: true, pages: false, chip: true },
  },
];

const count = fc.nat(99_999);
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const busId = fc
  .tuple(fc.nat(0xffff), fc.nat(0xff), fc.nat(0x1f), fc.nat(7))
  .map(([domain, bus, slot, part]) => `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${part}`);

const device = fc.record({
  npu: fc.nat(32_800),
  chip: fc.nat(3),
  device: fc.nat(63),
  name: fc.constantFrom('310', '310B4', '310P3', '910A', '910ProB', '910B4-1', 'Ascend910', 'Ascend950PR', 'xxx'),
  health: fc.constantFrom('OK', 'Warning', 'Alarm', 'Critical', 'UNKNOWN'),
  power_w: orNull(fc.nat(9999).map((tenths) => tenths / 10)),
  temp_c: orNull(fc.nat(120)),
  bus_id: orNull(busId),
  aicore_pct: orNull(fc.nat(100)),
  mem_used_mb: orNull(count),
  mem_total_mb: orNull(count),
  hbm_used_mb: orNull(count),
  hbm_total_mb: orNull(count),
}) satisfies fc.Arbitrary<NpuDevice>;

const process = fc.record({
  npu: fc.nat(32_800),
  chip: fc.nat(3),
  pid: fc.nat(4_194_304),
  name: fc.oneof(
    fc.stringMatching(/^[\w.:-](?:[\w .:-]{0,13}[\w.:-])?$/),
    fc.stringMatching(/^[\w.:-][\w.:|-]{0,13}[\w]$/),
  ),
  mem_mb: orNull(count),
}) satisfies fc.Arbitrary<NpuProcess>;

const devices = fc.uniqueArray(device, { maxLength: 16, selector: ({ npu, chip }) => `${npu} ${chip}` });
const processes = fc.uniqueArray(process, { maxLength: 6, selector: ({ npu, pid }) => `${npu} ${pid}` });
const rules = fc.constantFrom('+---+---+---+', '+===+===+===+', '+---------------', '+===|===|===+', '');

describe('tables of the documented widths read back as they were printed', () => {
  test.each(LAYOUTS)('$name', (layout) => {
    fc.assert(
      fc.property(devices, processes, fc.array(rules, { minLength: 1 }), (chips, running, lines) => {
        const seen = chips.filter(({ npu, chip }, i) => {
          if (layout.has.chip) return true;
          return chips.findIndex((other) => other.npu === npu) === i && chip >= 0;
        });
        const report = parseNpuSmi(print(layout, seen, running, lines));
        expect(report.problems).toEqual([]);
        expect(report).toMatchObject({ smiVersion: '25.2.0', driverVersion: '25.2.3' });
        expect(report.devices).toEqual(seen.map((chip) => visible(layout, chip)));
        expect(report.processes).toEqual(running.map((each) => (layout.has.chip ? each : { ...each, chip: null })));
      }),
      { numRuns: 200 },
    );
  });
});

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** What a layout shows of a chip. */
function visible({ has }: Layout, chip: NpuDevice): NpuDevice {
  return {
    ...chip,
    chip: has.chip ? chip.chip : null,
    device: has.device ? chip.device : null,
    hbm_used_mb: has.hbm ? chip.hbm_used_mb : null,
    hbm_total_mb: has.hbm ? chip.hbm_total_mb : null,
  };
}

function print(
  layout: Layout,
  chips: readonly NpuDevice[],
  running: readonly NpuProcess[],
  lines: readonly string[],
): string {
  const { has } = layout;
  const na = (value: number | string | null): string => (value === null ? 'NA' : String(value));
  const rows = chips.flatMap((chip, i) => {
    const values = [chip.power_w === null ? '-' : chip.power_w.toFixed(1), na(chip.temp_c)];
    const memory = [na(chip.mem_used_mb), '/ ', na(chip.mem_total_mb)];
    const hbm = [na(chip.hbm_used_mb), '/ ', na(chip.hbm_total_mb)];
    const usage = [na(chip.aicore_pct), ...memory, ...(has.hbm ? hbm : [])];
    const place = has.device ? [na(chip.chip), na(chip.device)] : [na(chip.chip)];
    return [
      row(layout.upper, [
        ...(has.chip ? [[na(chip.npu), na(chip.name)]] : [[na(chip.npu)], [na(chip.name)]]),
        [chip.health],
        has.pages ? [...values, '0', '/ ', '15'] : values,
      ]),
      row(layout.lower, [...(has.chip ? [place] : [[''], ['']]), [na(chip.bus_id)], usage]),
      lines[i % lines.length] as string,
    ];
  });
  const table = running.map((each) =>
    row(layout.process, [
      has.chip ? [na(each.npu), na(each.chip)] : [na(each.npu)],
      [na(each.pid)],
      [each.name],
      [na(each.mem_mb)],
    ]),
  );
  const header = has.chip ? 'NPU     Chip' : 'NPU ID';
  return [
    lines[0],
    `| npu-smi ${'25.2.0'.padEnd(40)}Version: ${'25.2.3'.padEnd(44)}|`,
    ...layout.header.map((text) => `| ${text} |`),
    lines[0],
    ...rows,
    ...(table.length === 0 ? [] : [`| ${header} | Process id | Process name | Process memory(MB) |`, ...table]),
    '',
  ].join('\n');
}

/** A row; a value that is as wide as its column touches the next one only where a slash parts them. */
function row(widths: Layout['upper'], cells: readonly (readonly string[])[]): string {
  return `| ${cells.map((values, i) => values.map((value, j) => value.padEnd(widths[i]?.[j] ?? 0)).join('')).join('| ')}|`;
}

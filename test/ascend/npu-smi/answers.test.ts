import { describe, expect, test } from 'vitest';
import { explainError } from '../../../src/ascend/npu-smi/errors.ts';
import { parseNpuSmi } from '../../../src/ascend/npu-smi/parse.ts';

const column = (...names: readonly (number | string)[]): string =>
  `\t${names.map((name) => String(name).padEnd(31)).join('')}`;

describe('-m', () => {
  test('of A3, with two ids', () => {
    const { mapping, socVersion } = parseNpuSmi(
      [
        column('NPU ID', 'Chip ID', 'Chip Logic ID', 'Chip Phy-ID', 'Chip Name'),
        column(0, 0, 2, 4, 'Ascend910'),
        column(0, 2, '-', '-', 'Mcu'),
      ].join('\n'),
    );
    expect(mapping).toEqual([
      { npu: 0, chip: 0, logic_id: 2, phy_id: 4, name: 'Ascend910', is_device: true },
      { npu: 0, chip: 2, logic_id: null, phy_id: null, name: 'Mcu', is_device: false },
    ]);
    expect(socVersion).toBeNull();
  });

  test('of Ascend 950, without logic ids', () => {
    const { mapping } = parseNpuSmi(
      [column('NPU ID', 'Slot ID', 'Chip ID', 'Chip Phy-ID', 'Chip Name'), column(3, 9, 0, 7, 'Ascend950PR')].join(
        '\n',
      ),
    );
    expect(mapping).toEqual([{ npu: 3, chip: 0, logic_id: null, phy_id: 7, name: 'Ascend950PR', is_device: true }]);
  });

  test('of Ascend 310, which has a name of its own there', () => {
    const text = [column('NPU ID', 'Chip ID', 'Chip Logic ID', 'Chip Name'), column(0, 0, 0, 'MiniD')].join('\n');
    expect(parseNpuSmi(text).socVersion).toBe('Ascend310');
  });

  test('a row that is cut off is a problem', () => {
    const text = [column('NPU ID', 'Chip ID', 'Chip Logic ID', 'Chip Name'), column(0, 0, 0)].join('\n');
    expect(parseNpuSmi(text)).toMatchObject({ mapping: [], problems: [{ kind: 'row', line: 2 }] });
  });
});

describe('-l', () => {
  test('with products, and serial numbers that are of no interest', () => {
    const text = `
        Card Count                     : 1

        NPU ID                         : 7
        Product Name                   : Atlas 200I
        Serial Number                  : 0123
        Chip Count                     : 2
`;
    expect(parseNpuSmi(text)).toMatchObject({
      parts: ['list'],
      totalCount: 1,
      cards: [{ npu: 7, product_name: 'Atlas 200I', chip_count: 2 }],
      boards: [],
    });
  });
});

describe('-t board', () => {
  const board = (fields: Readonly<Record<string, string>>): string =>
    Object.entries(fields)
      .map(([key, value]) => `\t${key.padEnd(31)}: ${value}\n`)
      .join('');

  test.each([
    ['A3', { 'NPU ID': '0', 'NPU Name': '9392', 'Chip ID': '1', 'Chip Name': 'Ascend910' }, 'Ascend910_9392'],
    ['Ascend 950', { 'NPU ID': '0', 'NPU Name': '9579', 'Chip Name': 'Ascend950PR' }, 'Ascend950PR_9579'],
    ['310P', { 'NPU ID': '0', 'Chip ID': '0', 'Chip Type': 'Ascend', 'Chip Name': '310P3' }, 'Ascend310P3'],
    ['a masked model', { 'NPU ID': '0', 'NPU Name': 'xxxx', 'Chip Name': 'Ascend910' }, null],
    ['no model', { 'NPU ID': '0', 'Chip Name': 'Ascend910' }, null],
    ['a card as a whole', { 'NPU ID': '0', 'Product Name': 'Atlas 300I Duo', Model: 'NA' }, null],
  ])('%s', (_, fields, version) => {
    const report = parseNpuSmi(board(fields));
    expect(report).toMatchObject({ parts: ['board'], socVersion: version, cards: [] });
    expect(report.boards[0]?.fields).toEqual(new Map(Object.entries(fields)));
  });

  test('values may hold colons, and keys the names of what every object has', () => {
    const { boards } = parseNpuSmi(
      board({ 'NPU ID': '0', 'Bus Info': '0000:61:00.0', constructor: 'a', toString: 'b' }),
    );
    expect([...(boards[0]?.fields ?? [])]).toEqual([
      ['NPU ID', '0'],
      ['Bus Info', '0000:61:00.0'],
      ['constructor', 'a'],
      ['toString', 'b'],
    ]);
  });
});

describe('errors', () => {
  test.each([
    ['dcmi module initialize failed. ret is -8005', -8005, /driver/],
    ['dcmi model initialized failed, because the device is used. ret is -8020', -8020, /another container/],
    ['npu get board type failed. ret is -9005', -9005, /container/],
    ['something failed. ret is -8006', -8006, /in time/],
    ['something failed. ret is -9002', -9002, /not permitted/],
    ['something failed. ret is -8199', -8199, /npu-smi reports: something/],
    ['Failed to get card number.', null, /npu-smi reports: Failed/],
    ['This device does not support querying board.', null, /not support/],
    ['Error parameter of -t', null, /parameter/],
    ['Command or option is not found.', null, /not found/],
    ['bash: npu-smi: command not found', null, /not found/],
  ])('%s', (text, code, meaning) => {
    const { error, parts, socVersion } = parseNpuSmi(`${text}\n`);
    expect({ error, parts, socVersion }).toEqual({ error: { text, code }, parts: ['error'], socVersion: null });
    expect(explainError({ text, code }).meaning).toMatch(meaning);
  });

  test('one without a code does not count beside an answer', () => {
    expect(parseNpuSmi('Failed to do this.\nTotal Count : 3\n')).toMatchObject({ parts: ['list'], error: null });
    expect(parseNpuSmi('x failed. ret is -8001\nTotal Count : 3\n')).toMatchObject({ error: { code: -8001 } });
  });
});

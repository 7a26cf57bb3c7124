import { expect, test } from 'vitest';
import { nearest } from '../../src/targets/nearest.ts';

const rows = [
  { why: 'a letter too few', word: 'ascend310-aie', of: ['ascend910b-aie', 'ascend310p-aie'], finds: 'ascend310p-aie' },
  { why: 'swapped letters', word: 'tmoe', of: ['tome-xx', 'tome'], finds: 'tome' },
  { why: 'swapped letters at the end', word: 'modle', of: ['verify', 'model'], finds: 'model' },
  { why: 'swapped letters at the start', word: 'omdel', of: ['verify', 'model'], finds: 'model' },
  { why: 'letters swapped over a distance', word: 'eomt', of: ['tome'], finds: undefined },
  { why: 'another case', word: 'DUO', of: ['Duo', 'A2'], finds: 'Duo' },
  { why: 'nothing near', word: 'quantize', of: ['Duo', 'A2'], finds: undefined },
  { why: 'the first of equals', word: 'cat', of: ['bat', 'rat'], finds: 'bat' },
  { why: 'an empty word', word: '', of: ['a'], finds: undefined },
  { why: 'no candidates', word: 'a', of: [], finds: undefined },
  { why: 'a hostile length', word: 'a'.repeat(1 << 20), of: ['a'.repeat(300)], finds: undefined },
];
for (const { why, word, of, finds } of rows) {
  test(`nearest spelling: ${why}`, () => expect(nearest(word, of)).toBe(finds));
}

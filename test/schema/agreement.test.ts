import { describe, expect, test } from 'vitest';
import { AgreementTally } from '../support/agreement-tally.ts';
import {
  type Comparison,
  compareWithDeclared,
  compareWithVerdict,
  corpora,
  judgedModels,
} from '../support/shape-verdicts.ts';

const VARIANTS = ['plain', 'symbolic', 'constants'] as const;

/** Where sdgraph says less than the reference or something else, and why that is right. */
const ACCEPTED: readonly { readonly why: string; readonly matches: (found: Comparison) => boolean }[] = [
  {
    why: 'the reference takes a symbolic hidden size to be 0',
    matches: ({ opType, variant, theirs }) =>
      opType === 'Attention' && variant === 'symbolic' && /[[,]0]$/.test(theirs),
  },
  {
    why: 'the reference forgets that half of the frequencies are left out; the test declares what sdgraph says',
    matches: ({ opType, key, variant }) => opType === 'STFT' && variant === 'constants' && /test_stft/.test(key),
  },
  {
    why: 'a sequence that grows in a loop has elements of several shapes',
    matches: ({ opType, key }) => opType === 'Loop' && key.endsWith('/test_loop13_seq'),
  },
  {
    why: 'without any iteration the loop gives back its optional input, not a sequence',
    matches: ({ opType, key }) => opType === 'Loop' && key.endsWith('/test_loop16_seq_none'),
  },
  {
    why: 'the body states an extent that the input only has under a symbol',
    matches: ({ opType, key, variant }) => opType === 'Scan' && variant === 'symbolic' && /test_scan9?_sum$/.test(key),
  },
];

/** Where the type that a test declares is not that of its result. */
const MISDECLARED: readonly { readonly why: string; readonly key: RegExp }[] = [
  { why: 'the data of bfloat16 is stored as uint16', key: /test_castlike_FLOAT_to_BFLOAT16$/ },
];

describe.each(corpora())('corpus $name', ({ name, folder }) => {
  const missing = `the models of ${name} are not on this machine`;

  test('agrees with onnx.shape_inference', async ({ skip }) => {
    skip(folder === undefined, missing);
    const tally = new AgreementTally();
    const unexplained: Comparison[] = [];
    for (const judged of judgedModels(name, folder ?? '')) {
      for (const variant of VARIANTS) {
        for (const found of await compareWithVerdict(judged, variant)) {
          const reason = ACCEPTED.find(({ matches }) => matches(found))?.why;
          const isSuspect = found.relation === 'less' || found.relation === 'differs' || found.relation === 'other';
          tally.add(variant, found, isSuspect ? (reason ?? 'not explained') : undefined);
          if (isSuspect && reason === undefined) unexplained.push(found);
        }
      }
    }
    if (process.env['SDGRAPH_PRINT_AGREEMENT'] !== undefined) tally.print(name);
    expect(unexplained).toEqual([]);
    expect(tally.count('equal')).toBeGreaterThan(0);
  });

  test('never contradicts what the models declare', async ({ skip }) => {
    skip(folder === undefined, missing);
    const wrong: Comparison[] = [];
    for (const judged of judgedModels(name, folder ?? '')) {
      for (const variant of VARIANTS) {
        const found = await compareWithDeclared(judged, variant);
        wrong.push(...found.filter(({ relation }) => relation === 'differs'));
      }
    }
    expect(wrong.filter(({ key }) => !MISDECLARED.some((each) => each.key.test(key)))).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, SdgraphError } from '../../src/errors.ts';
import { openModel } from '../../src/io/open.ts';
import { floatTensor } from '../../src/ir/constants.ts';
import { checkModel, RULES, type RuleId } from '../../src/schema/check.ts';
import { formatFinding } from '../../src/schema/finding.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { onnx } from '../../src/wire/generated/onnx.js';
import { BREAKAGES } from '../support/broken-models.ts';
import { findingsOf, long, node, openSample, rulesOf, sample, tensorInfo } from '../support/sample-model.ts';

/** Rules that only an edit in memory can break, not a file; tested with the structure. */
const EDITS_ONLY: readonly RuleId[] = ['not-visible', 'broken-use'];

test('nothing is found in a sound model', async () => {
  expect(await findingsOf()).toEqual([]);
});

describe('each rule fires on a model that breaks it', () => {
  test.each(BREAKAGES)('$rule: $why', async ({ rule, change, also = [] }) => {
    const rules = await rulesOf(change);
    expect(rules).toContain(rule);
    // The consequences for types and shapes are another matter.
    const others = rules.filter((each) => RULES[each].subject !== 'types' && each !== rule);
    expect(new Set(others)).toEqual(new Set(also.filter((each) => RULES[each].subject !== 'types')));
  });

  test('and every rule is among them', () => {
    const broken = new Set<RuleId>([...BREAKAGES.map(({ rule }) => rule), ...EDITS_ONLY]);
    expect(broken).toEqual(new Set(Object.keys(RULES)));
  });
});

describe('findings', () => {
  test('say where, what was expected and what was found', async () => {
    const [finding] = await findingsOf(({ yes }) => (yes.node = [node('Neg', ['h', 'h'], ['a'])]));
    expect(finding).toEqual({
      rule: 'input-count',
      severity: 'error',
      where: { path: 'graph.node[1].then_branch.node[0]', opType: 'Neg', node: 'Neg a' },
      message: 'the operator takes another number of inputs',
      expected: '1',
      found: '2',
    });
    expect(formatFinding(finding as NonNullable<typeof finding>)).toBe(
      "error graph.node[1].then_branch.node[0] Neg 'Neg a': the operator takes another number of inputs (expected 1, found 2) [input-count]",
    );
  });

  test('name the function, and the value', async () => {
    const findings = await findingsOf(({ callee }) => (callee.node = [node('Neg', ['nowhere'], ['v'])]));
    expect(findings).toContainEqual(
      expect.objectContaining({
        rule: 'undefined-name',
        where: { path: 'function my.domain.Gate', value: 'nowhere' },
      }),
    );
  });

  test('are safe to print and to write as JSON, whatever the file says', async () => {
    const evil = 'evil\u001b[31m\nname';
    const findings = await findingsOf(({ add, graph }) => {
      add.name = evil;
      add.op_type = evil;
      graph.output = [tensorInfo(evil, 1, [1])];
    });
    expect(findings.length).toBeGreaterThan(1);
    expect(JSON.stringify(findings)).not.toMatch(/\\u001b|\\n/u);
    for (const finding of findings) expect(formatFinding(finding)).not.toMatch(/[\u001b\n]/u);
  });

  test('come in the same order every time', async () => {
    const change = BREAKAGES.find(({ rule }) => rule === 'opset-missing')?.change;
    expect(await findingsOf(change)).toEqual(await findingsOf(change));
  });
});

describe('options', () => {
  test('without `full` nothing is inferred: what only types tell is not found', async () => {
    const change = BREAKAGES.find(({ rule }) => rule === 'type-mismatch')?.change;
    expect(await rulesOf(change, { full: false })).toEqual([]);
    expect(await rulesOf(change)).toContain('type-mismatch');
  });

  test('an inference that was run already is used', async () => {
    const model = await openSample();
    const inference = {
      ...inferShapes(model),
      conflicts: [{ value: model.graph.outputs[0] as never, message: 'told so' }],
    };
    const types = inferShapes(model);
    const merged = { ...inference, type: types.type.bind(types), shape: types.shape.bind(types) } as typeof types;
    expect(checkModel(model, { inference: merged }).map(({ message }) => message)).toEqual(['told so']);
  });

  test('checking changes nothing', async () => {
    const model = await openSample();
    const { revision } = model;
    checkModel(model);
    expect(model.revision).toBe(revision);
  });
});

test('findings of a model with very many nodes come in linear time', async () => {
  const { proto, graph } = sample();
  const count = 20_000;
  for (let i = 0; i < count; i++) graph.node.push(node('Relu', [i === 0 ? 'y' : `r${i - 1}`], [`r${i}`, 'extra']));
  const model = await openModel(onnx.ModelProto.encode(proto).finish());
  const findings = checkModel(model);
  expect(findings.filter(({ rule }) => rule === 'output-count')).toHaveLength(count);
  expect(findings.at(-1)?.where.path).toBeDefined();
});

test('whatever is in a file, there are findings or a typed error', async () => {
  const { proto } = sample();
  const bytes = onnx.ModelProto.encode(proto).finish();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (edits) => {
        const broken = bytes.slice();
        for (const [at, byte] of edits) broken[at] = byte;
        try {
          const model = await openModel(broken);
          for (const finding of checkModel(model)) expect(RULES).toHaveProperty(finding.rule);
        } catch (error) {
          expect(error).toBeInstanceOf(SdgraphError);
          expect(ERROR_CODES).toHaveProperty((error as SdgraphError).code);
        }
      },
    ),
    { numRuns: 500, seed: 7 },
  );
});

test('tensors with a great many typed integers are counted, not kept', async () => {
  const model = await openSample(({ graph }) => {
    const ints = Array.from({ length: 50_000 }, (_, i) => long(i));
    graph.initializer.push({ name: 'many', data_type: 7, dims: [long(50_001)], int64_data: ints });
  });
  expect(checkModel(model)).toEqual([
    expect.objectContaining({
      rule: 'tensor-size',
      expected: '50001 values for int64[50001]',
      found: '50000 values in int64_data',
    }),
  ]);
});

test('docs/rules.md lists every rule as it is', () => {
  const text = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
  for (const [id, { severity, summary }] of Object.entries(RULES)) {
    expect(text).toContain(`| \`${id}\` | ${severity} | ${summary} |`);
  }
  const listed = [...text.matchAll(/^\| `([a-z0-9-]+)` \|/gmu)].map(([, id]) => id as string);
  const others = listed.filter((id) => !Object.hasOwn(RULES, id) && !/^(?:target|om)-/u.test(id));
  expect(others).toEqual([]);
});

test('a model made in memory is checked like one from a file', async () => {
  const model = await openSample();
  const [add] = model.graph.nodesOf('Add');
  add?.setInput(1, model.graph.addInitializer(floatTensor([1, 2, 3, 4], [1, 4], 'w2')));
  expect(checkModel(model)).toEqual([]);
  add?.setInput(1, model.graph.addInitializer(floatTensor([1, 2, 3], [1, 4], 'w3')));
  expect(checkModel(model).map(({ rule }) => rule)).toEqual(['tensor-size']);
});

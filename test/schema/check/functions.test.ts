import { describe, expect, test } from 'vitest';
import {
  findingsOf,
  floatAttribute,
  graphAttribute,
  long,
  node,
  rulesOf,
  type Sample,
  tensorInfo,
} from '../../support/sample-model.ts';

const imports = [
  { domain: '', version: long(17) },
  { domain: 'my.domain', version: long(1) },
];
const callOf = (name: string, from = 'u', to = 'v') => ({ ...node(name, [from], [to]), domain: 'my.domain' });

/** Lets the function of the sample call a second one with this body. */
function second({ proto, callee }: Sample, body: ReturnType<typeof node>[]): void {
  callee.node = [callOf('Second')];
  callee.attribute = [];
  callee.opset_import = imports;
  proto.functions?.push({ ...callee, name: 'Second', node: body });
}

describe('recursion', () => {
  test('a function that calls another is fine', async () => {
    const rules = await rulesOf((parts) => {
      second(parts, [node('Neg', ['u'], ['v'])]);
      parts.call.attribute = [];
    });
    expect(rules).toEqual([]);
  });

  test('a circle of two is named', async () => {
    const findings = await findingsOf((parts) => {
      second(parts, [{ ...callOf('Gate'), name: 'back' }]);
      parts.call.attribute = [];
    });
    expect(findings.filter(({ rule }) => rule === 'function-recursion')).toEqual([
      expect.objectContaining({ found: 'my.domain.Gate -> my.domain.Second -> my.domain.Gate' }),
    ]);
  });

  test('a call in a branch counts', async () => {
    const rules = await rulesOf((parts) => {
      const body = { name: 'b', node: [callOf('Gate', 'u', 'r')], output: [tensorInfo('r', 1, [])] };
      const other = { name: 'c', node: [node('Neg', ['u'], ['s'])], output: [tensorInfo('s', 1, [])] };
      const branches = [graphAttribute('then_branch', body), graphAttribute('else_branch', other)];
      second(parts, [node('If', ['u'], ['v'], branches)]);
      parts.call.attribute = [];
    });
    expect(rules).toContain('function-recursion');
  });

  test('another overload is another function', async () => {
    const rules = await rulesOf((parts) => {
      second(parts, [{ ...callOf('Gate'), name: 'other', overload: 'wide' }]);
      parts.proto.ir_version = long(10);
      parts.proto.functions?.push({ ...parts.callee, overload: 'wide', node: [node('Neg', ['u'], ['v'])] });
      parts.call.attribute = [];
    });
    expect(rules.filter((rule) => rule !== 'duplicate-node-name')).toEqual([]);
  });
});

describe('attributes', () => {
  const withDefault = ({ callee }: Sample): void => {
    callee.attribute = [];
    callee.attribute_proto = [floatAttribute('alpha', 0.1)];
  };

  test('one with a default may be left out', async () => {
    expect(
      await rulesOf((parts) => {
        withDefault(parts);
        parts.call.attribute = [];
      }),
    ).toEqual([]);
    expect(await rulesOf(withDefault)).toEqual([]);
  });

  test('one that the function does not have is a warning', async () => {
    const findings = await findingsOf(({ call }) => call.attribute.push(floatAttribute('beta', 1)));
    expect(findings).toEqual([
      expect.objectContaining({
        rule: 'function-call-attribute',
        severity: 'warning',
        where: expect.objectContaining({ attribute: 'beta' }) as unknown,
      }),
    ]);
  });

  test('with and without default is twice', async () => {
    const rules = await rulesOf(({ callee }) => (callee.attribute_proto = [floatAttribute('alpha', 0.1)]));
    expect(rules).toEqual(['duplicate-function-attribute']);
  });

  test('outside of functions nothing can be referred to', async () => {
    const rules = await rulesOf(({ graph }) => {
      const reference = { name: 'alpha', type: 1, ref_attr_name: 'alpha' };
      graph.node.push(node('Elu', ['y'], ['e'], [reference]));
    });
    expect(rules).toEqual(['function-reference']);
  });
});

describe('calls', () => {
  test('may leave out inputs and outputs at the end', async () => {
    expect(
      await rulesOf(({ callee }) => {
        callee.input.push('more');
        callee.output.push('t');
        callee.node.push(node('Neg', ['u'], ['t']));
      }),
    ).toEqual([]);
  });

  test('an operator that is the same in both versions does not conflict', async () => {
    expect(await rulesOf(({ callee }) => (callee.opset_import = [{ domain: '', version: long(16) }]))).toEqual([]);
  });
});

import { expect } from 'vitest';
import { readOm } from '../../src/ascend/om/read.ts';
import type { OmReport } from '../../src/ascend/om/report.ts';
import { MemorySource } from '../../src/wire/source.ts';
import { modelDef, type OmFile, type OpSpec, omFile, type Part } from './om-writer.ts';

/** A tensor `FLOAT[2,4]`. */
export const FLOAT = { dtype: 1, shape: [2n, 4n], layout: 'ND' } as const;
/** The input `x` of a small graph. */
export const DATA: OpSpec = { name: 'x', type: 'Data', attrs: { index: 0n }, inputs: [FLOAT] };
/** Its only operator, `x + x`. */
export const ADD: OpSpec = { name: 'add', type: 'Add', edges: ['x:0', 'x:0'] };
/** Its output. */
export const OUTPUT: OpSpec = { name: 'Node_Output', type: 'NetOutput', inputs: [FLOAT], sources: [['add', 0]] };

/** A partition with the description of a graph named `m`. */
export function graph(
  operators: readonly OpSpec[] = [DATA, ADD, OUTPUT],
  attrs: Parameters<typeof modelDef>[2] = {},
): Part {
  return { type: 0, bytes: modelDef('m', operators, attrs) };
}

/** What is read of a file named `m`. */
export function read(file: Partial<OmFile> & Pick<OmFile, 'models'>, depth: OmReport['depth'] = 'full'): OmReport {
  return readOm(new MemorySource(omFile({ name: 'm', ...file })), { depth });
}

/** The warnings of a file, which must not be refused. */
export function warningsOf({ problem, warnings }: OmReport): string[] {
  expect(problem).toBeNull();
  return warnings.map(({ id }) => id);
}

/** Whether what ATC wrote is what was asked for. */

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { openModel } from '../../io/open.ts';
import { compareOmWithModel } from '../om/compare.ts';
import { openOm } from '../om/read.ts';
import type { AtcStep } from './plan-types.ts';

/** A compiled model that is what it should be. */
export interface CheckedOutput {
  /** Name of the file. */
  readonly file: string;
  readonly path: string;
  readonly atcVersion: string | null;
  /** What is odd, but no reason to refuse it. */
  readonly warnings: readonly string[];
}

/**
 * Finds the compiled model in a folder and compares it with the chip and the ONNX model it was compiled for.
 *
 * @throws SdgraphError `E_ATC` when it is not there, damaged, or of another chip or interface
 */
export async function checkOutput(
  folder: string,
  step: Pick<AtcStep, 'expected'>,
  model: string,
  { socVersion, followLinks }: { readonly socVersion: string; readonly followLinks: boolean },
): Promise<CheckedOutput> {
  const file = step.expected.find((name) => {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.size > 0;
  });
  if (file === undefined) {
    const expected = step.expected.join(' or ');
    throw new SdgraphError('E_ATC', 'ATC says that it succeeded, but wrote no model', {}, { expected });
  }
  const path = join(folder, file);
  const om = read(path, file);
  const found = om.models[0]?.socVersion ?? null;
  // Products of 2020 do not say which chip they are for.
  if (found !== null && found !== socVersion) {
    throw new SdgraphError(
      'E_ATC',
      'the compiled model is for another chip',
      { file },
      { expected: socVersion, found },
    );
  }
  using onnx = await openModel(model, { followLinks });
  const findings = compareOmWithModel(om, onnx);
  const error = findings.find(({ severity }) => severity === 'error');
  if (error !== undefined) {
    throw new SdgraphError(
      'E_ATC',
      `the compiled model does not fit the ONNX model: ${error.message}`,
      { file, path: error.where.path },
      {
        ...(error.expected === undefined ? {} : { expected: error.expected }),
        ...(error.found === undefined ? {} : { found: error.found }),
      },
    );
  }
  const warnings = [...om.warnings, ...findings].map(({ message }) => message);
  return { file, path, atcVersion: om.models[0]?.atcVersion ?? null, warnings: [...new Set(warnings)] };
}

function read(path: string, file: string): ReturnType<typeof openOm> {
  try {
    return openOm(path);
  } catch (cause) {
    if (!(cause instanceof SdgraphError)) throw cause;
    throw new SdgraphError('E_ATC', `ATC wrote a file that is no compiled model: ${cause.reason}`, { file }, { cause });
  }
}

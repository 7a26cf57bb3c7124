import type { Severity } from '../schema/check/rules.ts';

/** What `sdgraph validate` itself finds, beside the rules of the checker and of targets. */
export const VALIDATE_RULES = {
  unreadable: { severity: 'error', summary: 'the file cannot be read as a model' },
  'other-hash': { severity: 'error', summary: 'the file is not the one that was approved' },
  'too-large': { severity: 'error', summary: 'the model or its weights are larger than allowed' },
  'opset-range': { severity: 'error', summary: 'the operator set or IR version is out of the range that is allowed' },
  'other-input': { severity: 'error', summary: 'a graph input is not what is expected' },
  'other-output': { severity: 'error', summary: 'a graph output is not what is expected' },
  'operator-count': { severity: 'error', summary: 'the model has another number of nodes of an operator' },
  'operator-not-allowed': { severity: 'error', summary: 'the model has an operator that is not allowed' },
  'verify-differs': { severity: 'error', summary: 'the model computes something else than its reference' },
  'verify-failed': { severity: 'error', summary: 'the model could not be compared with its reference' },
  'not-expected': { severity: 'warning', summary: 'the configuration says nothing about the file' },
  'not-given': { severity: 'error', summary: 'the configuration names a file that was not validated' },
} as const satisfies Record<string, { readonly severity: Severity; readonly summary: string }>;

/** A rule of `sdgraph validate` itself. */
export type ValidateRule = keyof typeof VALIDATE_RULES;

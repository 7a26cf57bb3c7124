import { oneLine, SdgraphError } from '../errors.ts';
import type { Output } from './output.ts';

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Codes that mean that the command line asks for something that does not exist; a job that failed has any other. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'E_USAGE',
  'E_PASS_UNKNOWN',
  'E_PASS_OPTION',
  'E_TARGET',
  'E_CONFIG',
]);

/** A mistake in the command line. */
export function usageError(
  reason: string,
  details: { expected?: string; found?: string; hint?: string } = {},
): SdgraphError {
  return new SdgraphError('E_USAGE', reason, {}, details);
}

/**
 * Prints an error as one line and a hint, on stderr; with `--json` also as a document on stdout. Returns the exit code.
 * A stack trace appears only with `--verbose`, and only for defects of sdgraph.
 */
export function reportError(thrown: unknown, output: Output): number {
  const error = thrown instanceof SdgraphError ? thrown : internalError(thrown);
  const { code, hint } = error;
  output.error(`${output.paint('red', 'error:', 'stderr')} ${error.message} [${code}]`);
  if (hint !== undefined) output.error(`${output.paint('cyan', 'hint:', 'stderr')} ${oneLine(hint)}`);
  if (output.isVerbose && code === 'E_INTERNAL') {
    const { cause } = error;
    output.error((cause instanceof Error ? cause.stack : error.stack) ?? '');
  }
  if (output.isJson) output.document({ error });
  return USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed;
}

function internalError(cause: unknown): SdgraphError {
  return new SdgraphError(
    'E_INTERNAL',
    cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause),
    {},
    { cause, hint: 'this is a defect of sdgraph; run again with --verbose and report what it prints' },
  );
}

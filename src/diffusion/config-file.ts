import { type ErrorCode, printable, SdgraphError } from '../errors.ts';
import { readJsonFile } from '../targets/json-file.ts';

/** Single values of a JSON file of a checkpoint; what is wrong is named by file and key. */
export class ConfigFile {
  readonly file: string;
  readonly #values: ReadonlyMap<string, unknown>;

  /** @throws SdgraphError `E_CHECKPOINT` when the file is no JSON object, `E_FILE_MISSING`, `E_FILE_READ` */
  constructor(file: string) {
    const value = readJsonFile(file, 'E_CHECKPOINT');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw checkpointError('the file does not hold an object', { file }, { expected: 'a JSON object' });
    }
    this.file = file;
    this.#values = new Map(Object.entries(value));
  }

  /** A value as it is; undefined for one that is absent or null. */
  get(key: string): unknown {
    return this.#values.get(key) ?? undefined;
  }

  /** A whole number from 1 on. */
  whole(key: string, max: number): number {
    const value = this.get(key);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw this.refused(key, `a whole number from 1 to ${max}`);
  }

  /** A positive number; the fallback where there is none. */
  positive(key: string, fallback: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    throw this.refused(key, 'a positive number');
  }

  /** The error for a value that cannot be used. */
  refused(key: string, expected: string): SdgraphError {
    const details = { expected, found: kindOf(this.get(key)) };
    const where = { file: this.file, name: key };
    return checkpointError('a value of the configuration cannot be used', where, details, 'E_CHECKPOINT_CONFIG');
  }
}

/** A value of a file in a few words. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return `'${printable(value)}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  if (value === undefined || value === null) return 'nothing';
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** The typed error of a checkpoint. */
export function checkpointError(
  reason: string,
  where: { readonly file?: string; readonly name?: string },
  details: { readonly expected?: string; readonly found?: string; readonly hint?: string } = {},
  code: ErrorCode = 'E_CHECKPOINT',
): SdgraphError {
  return new SdgraphError(code, reason, where, details);
}

import { readFileSync } from 'node:fs';
import type { ErrorObject } from 'ajv';
import { printable, SdgraphError } from '../../errors.ts';
import { readJsonFile } from '../../targets/json-file.ts';

/**
 * Reads a JSON file and checks it against a JSON Schema.
 *
 * @param code of the error when the file does not hold what the schema says
 * @throws SdgraphError that code with the JSON pointer of what is wrong, `E_FILE_MISSING`, `E_FILE_READ`
 */
export async function readCheckedJson(path: string, schemaFile: URL, code: 'E_CONFIG' | 'E_PLAN'): Promise<unknown> {
  const value: unknown = readJsonFile(path, code);
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object;
  const validate = new Ajv2020({ allowUnionTypes: true, logger: false }).compile(schema);
  if (!validate(value)) throw schemaError(code, path, validate.errors ?? []);
  return value;
}

/** The error of a document that its schema refuses: the deepest place, with its JSON pointer. */
function schemaError(code: 'E_CONFIG' | 'E_PLAN', file: string, errors: readonly ErrorObject[]): SdgraphError {
  const [error] = errors.toSorted((a, b) => b.instancePath.length - a.instancePath.length);
  const extra = error?.keyword === 'additionalProperties' ? String(error.params['additionalProperty']) : undefined;
  const path = error === undefined || error.instancePath === '' ? '/' : error.instancePath;
  const reason = extra === undefined ? (error?.message ?? 'the document is not valid') : 'there is no such property';
  const details = extra === undefined ? {} : { found: `'${printable(extra)}'` };
  return new SdgraphError(code, reason, { file, path }, details);
}

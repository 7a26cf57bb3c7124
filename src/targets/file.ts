import { readFileSync } from 'node:fs';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { SdgraphError } from '../errors.ts';
import { deepFreeze } from './freeze.ts';
import { readJsonFile } from './json-file.ts';
import type { Limit, Role, Target, TargetOperators } from './types.ts';

const SCHEMA = new URL('./schema.json', import.meta.url);

/** Compiled once, by the first user's profile: built-in profiles need no check, and ajv is slow to load. */
let validator: Promise<ValidateFunction> | undefined;

/**
 * A user's own profile from a JSON file, checked against the schema and for contradictions.
 *
 * @throws SdgraphError `E_TARGET` with the JSON pointer of what is wrong, or when this process forbids the code
 * generation that the check needs; `E_FILE_MISSING` and `E_FILE_READ` for the file itself.
 */
export async function loadTargetFile(path: string): Promise<Target> {
  const value = readJsonFile(path, 'E_TARGET');
  validator ??= compile();
  const validate = await validator;
  if (!validate(value)) throw invalid(path, validate.errors ?? []);
  const target = value as Target;
  checkContradictions(target, path);
  return deepFreeze(target);
}

async function compile(): Promise<ValidateFunction> {
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as object;
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  try {
    return new Ajv2020({ allowUnionTypes: true, logger: false }).compile(schema);
  } catch (cause) {
    if (!(cause instanceof EvalError)) throw cause;
    throw new SdgraphError(
      'E_TARGET',
      'a profile of your own cannot be checked because this process forbids generating code from strings',
      {},
      { hint: 'run without --disallow-code-generation-from-strings, or use a built-in target', cause },
    );
  }
}

/** The error of the deepest place: with alternatives in a schema the outer ones only say that none of them fits. */
function invalid(file: string, errors: readonly ErrorObject[]): SdgraphError {
  let deepest: ErrorObject | undefined;
  for (const error of errors) {
    if (deepest === undefined || error.instancePath.length > deepest.instancePath.length) deepest = error;
  }
  if (deepest === undefined) return new SdgraphError('E_TARGET', 'the profile is not valid', { file });
  const { instancePath, keyword, message = 'is not valid', params } = deepest;
  const extra = keyword === 'additionalProperties' ? `/${escapePointer(String(params['additionalProperty']))}` : '';
  const allowed = keyword === 'enum' ? (params['allowedValues'] as string[]).join(', ') : undefined;
  const pointer = `${instancePath}${extra}`;
  return new SdgraphError(
    'E_TARGET',
    extra === '' ? message : 'there is no such property',
    { file, path: pointer === '' ? '/' : pointer },
    allowed === undefined ? {} : { expected: allowed },
  );
}

function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** What a schema cannot say. */
function checkContradictions(target: Target, file: string): void {
  const fail = (path: string, reason: string, hint?: string): never => {
    throw new SdgraphError('E_TARGET', reason, { file, path }, hint === undefined ? {} : { hint });
  };
  const operators = Object.entries(target.operators) as [Role, NonNullable<TargetOperators[Role]>][];
  for (const [role, operator] of operators) {
    const at = `/operators/${role}`;
    if (target.unavailable[role] !== undefined) {
      fail(`/unavailable/${role}`, `the profile has an operator for ${role} and calls it unavailable`);
    }
    checkRanges(operator.limits, `${at}/limits`, fail);
    if ('selection' in operator) checkRanges(operator.selection.rules, `${at}/selection/rules`, fail);
    if ('scaling' in operator) {
      const scales = operator.attributes.some((each) => 'formula' in each && each.formula === 'attentionScale');
      if (scales !== (operator.scaling === 'attribute')) {
        fail(`${at}/scaling`, "an attribute with the formula 'attentionScale' belongs to the scaling 'attribute'");
      }
    }
  }
}

function checkRanges(limits: readonly Limit[], at: string, fail: (path: string, reason: string) => never): void {
  for (const [index, { min, max }] of limits.entries()) {
    if (min !== undefined && max !== undefined && min > max) {
      fail(`${at}/${index}`, `no number is at least ${min} and at most ${max}`);
    }
  }
}

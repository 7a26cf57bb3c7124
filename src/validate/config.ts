import { readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { SdgraphError } from '../errors.ts';
import { isTargetFile } from '../targets/index.ts';
import { readJsonFile } from '../targets/json-file.ts';
import type { TolerancePreset } from '../verify/tolerance.ts';

/** A range of whole numbers; either end may be open. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** What a graph input or output has to be. A null dimension may be anything. */
export interface ExpectedPort {
  readonly dtype?: string;
  readonly shape?: readonly (number | string | null)[];
}

/** What one model has to be. */
export interface Expectations {
  readonly file: string;
  readonly target?: string;
  readonly sha256?: string;
  readonly maxBytes?: number;
  readonly maxWeightBytes?: number;
  readonly opset?: Range;
  readonly irVersion?: Range;
  readonly inputs?: ReadonlyMap<string, ExpectedPort>;
  readonly outputs?: ReadonlyMap<string, ExpectedPort>;
  readonly operators?: {
    readonly required?: ReadonlyMap<string, number | Range>;
    readonly allowed?: readonly string[];
    readonly forbidden?: readonly string[];
  };
  readonly ignore?: readonly string[];
  readonly verify?: {
    readonly reference: string;
    readonly tolerance?: TolerancePreset | 'auto';
    readonly seed?: number;
    readonly inputs?: string;
  };
}

/** A configuration file of `sdgraph validate`. */
export interface ValidateConfig {
  /** Folder of the file; paths in it are relative to this. */
  readonly folder: string;
  readonly target?: string;
  readonly models: readonly Expectations[];
}

const SCHEMA = new URL('./config.schema.json', import.meta.url);

/**
 * Reads a configuration file.
 *
 * @throws SdgraphError `E_CONFIG` with the JSON pointer of what is wrong, `E_FILE_MISSING`, `E_FILE_READ`
 */
export async function loadConfig(path: string): Promise<ValidateConfig> {
  const value = readJsonFile(path, 'E_CONFIG');
  const validate = await compile();
  if (!validate(value)) throw invalid(path, validate.errors ?? []);
  const { target, models } = value as { target?: string; models: RawExpectations[] };
  const folder = dirname(resolve(path));
  return { folder, ...targetFrom(folder, target), models: models.map((model) => withMaps(folder, model)) };
}

async function compile(): Promise<ValidateFunction> {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as object;
  try {
    return new Ajv2020({ allowUnionTypes: true, logger: false }).compile(schema);
  } catch (cause) {
    if (!(cause instanceof EvalError)) throw cause;
    const reason = 'a configuration cannot be checked because this process forbids generating code from strings';
    const hint = 'run without --disallow-code-generation-from-strings';
    throw new SdgraphError('E_CONFIG', reason, {}, { hint, cause });
  }
}

/** A target as `findTarget` takes it; one that is a file is relative to the configuration. */
function targetFrom(folder: string, target: string | undefined): { target?: string } {
  if (target === undefined) return {};
  return { target: isTargetFile(target) ? resolve(folder, target) : target };
}

/** Names from the file become keys of maps: a port may be called `__proto__`. */
type RawExpectations = Omit<Expectations, 'inputs' | 'outputs' | 'operators'> & {
  readonly inputs?: Readonly<Record<string, ExpectedPort>>;
  readonly outputs?: Readonly<Record<string, ExpectedPort>>;
  readonly operators?: {
    readonly required?: Readonly<Record<string, number | Range>>;
    readonly allowed?: readonly string[];
    readonly forbidden?: readonly string[];
  };
};

function withMaps(folder: string, { inputs, outputs, operators, ...rest }: RawExpectations): Expectations {
  return {
    ...rest,
    ...targetFrom(folder, rest.target),
    ...(inputs === undefined ? {} : { inputs: new Map(Object.entries(inputs)) }),
    ...(outputs === undefined ? {} : { outputs: new Map(Object.entries(outputs)) }),
    ...(operators === undefined
      ? {}
      : {
          operators: {
            ...(operators.allowed === undefined ? {} : { allowed: operators.allowed }),
            ...(operators.forbidden === undefined ? {} : { forbidden: operators.forbidden }),
            ...(operators.required === undefined ? {} : { required: new Map(Object.entries(operators.required)) }),
          },
        }),
  };
}

function invalid(file: string, errors: readonly ErrorObject[]): SdgraphError {
  const [error] = errors.toSorted((a, b) => b.instancePath.length - a.instancePath.length);
  const extra = error?.keyword === 'additionalProperties' ? `: ${String(error.params['additionalProperty'])}` : '';
  const path = error === undefined || error.instancePath === '' ? '/' : error.instancePath;
  return new SdgraphError('E_CONFIG', `${error?.message ?? 'the configuration is not valid'}${extra}`, { file, path });
}

/** What a configuration expects of a file; the first entry that names it. */
export function expectationsFor(config: ValidateConfig | undefined, file: string): Expectations | undefined {
  if (config === undefined) return undefined;
  const path = relative(config.folder, resolve(file)).split(sep).join('/');
  return config.models.find((model) => matches(model.file, path));
}

/** Whether a path is meant by a pattern in which `*` stands for any characters of one component. */
function matches(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.replace(/^\.\//u, ''), path].map((each) => each.split('/'));
  if (wanted?.length !== found?.length) return false;
  return wanted?.every((part, i) => componentMatches(part, found?.[i] ?? '')) === true;
}

/** Matches greedily from left to right: linear, whatever the pattern. */
function componentMatches(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

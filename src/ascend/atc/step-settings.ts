/** What a user sets for the steps of a plan: in a configuration file, or with `--set`. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { readJsonFile } from '../../targets/json-file.ts';
import { readCheckedJson } from './checked-json.ts';
import type { GroupNormChoice } from './group-norm.ts';
import type { AtcOption } from './option-types.ts';
import { optionValue, userOption } from './options.ts';

/** The value of an option; null takes a default of the planner away. */
export type SettingValue = string | number | boolean | null;

/** Settings of one step. */
export interface StepSettings {
  /** The ONNX model, relative to the folder of the models. */
  readonly model?: string;
  /** The compiled model without extension, beside the model. */
  readonly output?: string;
  readonly options?: ReadonlyMap<string, SettingValue>;
  /** Keep group normalizations in float32. */
  readonly float32GroupNorm?: GroupNormChoice;
}

/** Settings of a plan. */
export interface PlanSettings {
  /** Folder that files named by options are relative to. */
  readonly folder: string;
  readonly socVersion?: string;
  /** For every step. */
  readonly options?: ReadonlyMap<string, SettingValue>;
  readonly steps: ReadonlyMap<string, StepSettings>;
}

const SCHEMA = new URL('./config.schema.json', import.meta.url);

/** Largest text file that a plan takes along. */
const MAX_FILE = 1 << 20;

/**
 * Reads a configuration file.
 *
 * @throws SdgraphError `E_CONFIG` with the JSON pointer of what is wrong, `E_FILE_MISSING`, `E_FILE_READ`
 */
export async function loadPlanSettings(path: string): Promise<PlanSettings> {
  const value = await readCheckedJson(path, SCHEMA, 'E_CONFIG');
  const { socVersion, options, steps = {} } = value as RawSettings;
  return {
    folder: dirname(resolve(path)),
    ...(socVersion === undefined ? {} : { socVersion }),
    ...(options === undefined ? {} : { options: new Map(Object.entries(options)) }),
    steps: new Map(
      Object.entries(steps).map(([name, step]) => {
        const { options: own, ...rest } = step;
        return [name, { ...rest, ...(own === undefined ? {} : { options: new Map(Object.entries(own)) }) }];
      }),
    ),
  };
}

interface RawSettings {
  readonly socVersion?: string;
  readonly options?: Readonly<Record<string, SettingValue>>;
  readonly steps?: Readonly<
    Record<string, Omit<StepSettings, 'options'> & { readonly options?: Readonly<Record<string, SettingValue>> }>
  >;
}

/** The options of a step as ATC takes them, and the files among them. */
export interface ResolvedOptions {
  readonly options: ReadonlyMap<string, string>;
  /** Contents by the name of the option. */
  readonly files: ReadonlyMap<string, string>;
}

/** Values with the folder that their files are relative to, later ones before earlier ones. */
export interface SettingLayer {
  readonly values: ReadonlyMap<string, SettingValue>;
  readonly folder: string;
  /** Where the values come from, for errors. */
  readonly place: string;
}

/**
 * Lays settings over each other and reads the files they name.
 *
 * @throws SdgraphError `E_PLAN` for unknown options and values, `E_FILE_MISSING`, `E_FILE_READ`
 */
export function resolveSettings(layers: readonly SettingLayer[]): ResolvedOptions {
  const found = new Map<string, { option: AtcOption; value: string; folder: string } | null>();
  for (const { values, folder, place } of layers) {
    for (const [written, value] of values) {
      const path = `${place}/${written}`;
      const option = userOption(written, path);
      found.set(option.name, value === null ? null : { option, value: optionValue(option, value, path), folder });
    }
  }
  const options = new Map<string, string>();
  const files = new Map<string, string>();
  for (const [name, entry] of found) {
    if (entry === null) continue;
    if (entry.option.values.kind === 'file')
      files.set(name, readText(entry.option, resolve(entry.folder, entry.value)));
    else options.set(name, entry.value);
  }
  return { options, files };
}

function readText({ name, values }: AtcOption, file: string): string {
  if (values.kind === 'file' && values.content === 'json') {
    return `${JSON.stringify(readJsonFile(file, 'E_PLAN'), undefined, 2)}\n`;
  }
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? `the file for --${name} does not exist` : `the file for --${name} cannot be read`;
    throw new SdgraphError(missing ? 'E_FILE_MISSING' : 'E_FILE_READ', reason, { file }, { cause });
  }
  if (bytes.byteLength > MAX_FILE) {
    const found = `${bytes.byteLength}`;
    throw new SdgraphError(
      'E_PLAN',
      `the file for --${name} is too large`,
      { file },
      { expected: `${MAX_FILE} bytes`, found },
    );
  }
  const content = bytes.toString('utf8');
  if (!content.includes('\ufffd') && !content.includes('\0')) return content;
  throw new SdgraphError('E_PLAN', `the file for --${name} is not text`, { file });
}

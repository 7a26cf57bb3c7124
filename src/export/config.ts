import { printable, SdgraphError } from '../errors.ts';
import { readJsonFile } from '../targets/json-file.ts';

/** Largest size that a configuration may name: beyond any model, and small enough for products of a few to be exact. */
const MAX_SIZE = 1 << 20;

/** Most levels of a UNet or VAE; every level halves the image. */
const MAX_LEVELS = 16;

/**
 * The `config.json` of one part of a checkpoint, read key by key.
 *
 * A value that changes the model and is ignored gives a model that runs and computes something else. So every key has to
 * be asked for, or be named as one without effect: {@link finish} refuses what is left, unless it is null.
 */
export class ConfigFile {
  readonly #path: string;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();

  private constructor(path: string, values: ReadonlyMap<string, unknown>) {
    this.#path = path;
    this.#values = values;
  }

  /** Opens a configuration. Throws `E_CHECKPOINT_CONFIG` when it is no JSON object, `E_FILE_MISSING`, `E_FILE_READ`. */
  static read(path: string): ConfigFile {
    const value = readJsonFile(path, 'E_CHECKPOINT_CONFIG');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SdgraphError('E_CHECKPOINT_CONFIG', 'the configuration is no JSON object', { file: path });
    }
    return new ConfigFile(path, new Map(Object.entries(value)));
  }

  /** A whole number from 1 on; required unless there is a fallback for an absent one. */
  size(key: string, fallback?: number): number {
    const value = this.#get(key);
    return this.#size(key, value === undefined ? fallback : value);
  }

  /** A list of whole numbers from 1 on, one for each level. */
  sizes(key: string): readonly number[] {
    return this.#list(key).map((value) => this.#size(key, value));
  }

  /** A whole number for all levels, or one for each. */
  sizePerLevel(key: string, levels: number): readonly number[] {
    const value = this.#get(key);
    if (!Array.isArray(value)) {
      const size = this.#size(key, value);
      return Array.from({ length: levels }, () => size);
    }
    return this.#list(key, levels).map((each) => this.#size(key, each));
  }

  /** A finite number. */
  number(key: string, fallback: number): number {
    const value = this.#get(key);
    if (value === undefined) return fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.#refuse(key, 'a number', value);
  }

  /** A small number above zero. */
  epsilon(key: string, fallback: number): number {
    const value = this.number(key, fallback);
    if (value > 0 && value < 1) return value;
    throw this.#refuse(key, 'a number between 0 and 1', value);
  }

  /** True or false; null is false, as in Python. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key);
    if (value === undefined) return fallback;
    if (typeof value === 'boolean' || value === null) return value === true;
    throw this.#refuse(key, 'true or false', value);
  }

  /** A text without effect on the check of the file: undefined when absent or of another kind. */
  text(key: string): string | undefined {
    const value = this.#get(key);
    return typeof value === 'string' ? value : undefined;
  }

  /** One of a few texts; required. */
  choice<T extends string>(key: string, choices: readonly T[]): T {
    return this.#choice(key, choices, this.#get(key));
  }

  /** A list of a few texts, one for each level. */
  choices<T extends string>(key: string, choices: readonly T[], levels: number): readonly T[] {
    return this.#list(key, levels).map((value) => this.#choice(key, choices, value));
  }

  /** A key that may have certain values only; absent and null are always fine. */
  fixed(key: string, values: readonly unknown[]): void {
    const value = this.#get(key);
    if (value === undefined || value === null || values.includes(value)) return;
    throw this.#refuse(key, ['null', ...values.map((each) => JSON.stringify(each))].join(' or '), value);
  }

  /** A key that may be absent, null, or a list of these texts. */
  fixedList(key: string, values: readonly string[]): void {
    const value = this.#get(key);
    if (value === undefined || value === null) return;
    if (Array.isArray(value) && value.every((each) => values.includes(each as string))) return;
    throw this.#refuse(key, JSON.stringify(values), value);
  }

  /** Refuses a size that is no multiple of another. */
  multiple(key: string, size: number, of: string, divisor: number): void {
    if (size % divisor === 0) return;
    throw this.#refuse(key, `a multiple of ${divisor} (${of})`, size);
  }

  /** Refuses every key that nobody asked for and that is set. Keys that begin with `_` are notes of the library. */
  finish(unused: readonly string[]): void {
    for (const [key, value] of this.#values) {
      if (value === null || key.startsWith('_') || this.#asked.has(key) || unused.includes(key)) continue;
      throw new SdgraphError(
        'E_CHECKPOINT_CONFIG',
        'the configuration sets something that is not known here, so it may be another model',
        { file: this.#path, name: key },
        { expected: 'no such key, or null', found: show(value) },
      );
    }
  }

  #get(key: string): unknown {
    this.#asked.add(key);
    return this.#values.get(key);
  }

  #size(key: string, value: unknown): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE) return value;
    throw this.#refuse(key, `a whole number from 1 to ${MAX_SIZE}`, value);
  }

  #choice<T extends string>(key: string, choices: readonly T[], value: unknown): T {
    const choice = choices.find((each) => each === value);
    if (choice !== undefined) return choice;
    throw this.#refuse(key, choices.join(' or '), value);
  }

  #list(key: string, levels?: number): readonly unknown[] {
    const value = this.#get(key);
    const count = levels === undefined ? `1 to ${MAX_LEVELS}` : `${levels}`;
    if (Array.isArray(value) && value.length >= 1 && value.length <= MAX_LEVELS) {
      if (levels === undefined || value.length === levels) return value;
    }
    throw this.#refuse(key, `a list of ${count}`, value);
  }

  #refuse(key: string, expected: string, value: unknown): SdgraphError {
    const reason =
      value === undefined ? 'the configuration lacks a value' : 'the configuration has a value that is not supported';
    return new SdgraphError(
      'E_CHECKPOINT_CONFIG',
      reason,
      { file: this.#path, name: key },
      { expected, found: value === undefined ? 'nothing' : show(value) },
    );
  }
}

function show(value: unknown): string {
  return printable(JSON.stringify(value) ?? 'nothing');
}

/** Operator schemas as data: what an operator takes, gives and is told, version by version. */

import { readFileSync } from 'node:fs';

/** How often a parameter occurs: once, at most once, or any number of times at the end of the list. */
export type ParameterOption = 'single' | 'optional' | 'variadic';

/** One formal input or output. */
export interface Parameter {
  /** The operator's own name for it, which does not appear in files. */
  readonly name: string;
  /** A type such as `tensor(int64)`, or the name of a type constraint of the operator. */
  readonly type: string;
  readonly option: ParameterOption;
  /** For variadic ones: whether all have the same type. True for the others. */
  readonly homogeneous: boolean;
  /** For variadic ones: how many there have to be. */
  readonly minArity: number;
}

/** The value of an attribute that is left out, as plain data. */
export type AttributeDefault = number | string | readonly (number | string)[];

/** One attribute. */
export interface AttributeSchema {
  /** Its type as ONNX has it: `INT`, `FLOATS`, `TENSOR`, ... */
  readonly type: string;
  readonly required: boolean;
  readonly default: AttributeDefault | undefined;
}

/** One version of an operator. */
export interface OperatorSchema {
  readonly name: string;
  /** The domain, '' for the standard one. */
  readonly domain: string;
  /** The version of the domain that brought this form of the operator. */
  readonly since: number;
  /** Whether models of this version must not use the operator. */
  readonly deprecated: boolean;
  /** Whether the operator is defined by other operators. */
  readonly hasFunction: boolean;
  /** Whether the operator belongs to Ascend software and not to the ONNX standard. */
  readonly plugin: boolean;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
  readonly minInputs: number;
  /** Infinity when there is no most. */
  readonly maxInputs: number;
  readonly minOutputs: number;
  readonly maxOutputs: number;
  /** The only numbers of inputs, where not every one between least and most is taken. */
  readonly inputCounts: readonly number[] | undefined;
  readonly outputCounts: readonly number[] | undefined;
  /** Type constraints by name: the types each allows. */
  readonly types: ReadonlyMap<string, ReadonlySet<string>>;
  readonly attributes: ReadonlyMap<string, AttributeSchema>;
  /** Whether attributes that are not listed are allowed. */
  readonly anyAttribute: boolean;
}

/** An IR version and the newest operator sets that were released with it. */
export interface OnnxRelease {
  readonly ir: number;
  readonly onnx: number;
  readonly ml: number;
}

/** The form of the JSON files, see `data/operators.schema.json`. */
interface OperatorFile {
  readonly irVersion?: number;
  readonly opsets?: Readonly<Record<string, number>>;
  readonly releases?: readonly (readonly [number, number, number])[];
  readonly types: readonly string[];
  readonly typeLists: readonly (readonly number[])[];
  readonly domains: Readonly<Record<string, Readonly<Record<string, readonly VersionEntry[]>>>>;
}

type ParameterEntry = readonly [string, string, ('optional' | 'variadic' | 'heterogeneous')?, number?];

interface VersionEntry {
  readonly since: number;
  readonly deprecated?: true;
  readonly function?: true;
  readonly inputs: readonly ParameterEntry[];
  readonly outputs: readonly ParameterEntry[];
  readonly inputCount: readonly [number, number | null];
  readonly outputCount: readonly [number, number | null];
  readonly inputCounts?: readonly number[];
  readonly outputCounts?: readonly number[];
  readonly anyAttribute?: true;
  readonly types?: Readonly<Record<string, number | readonly string[]>>;
  readonly attributes?: Readonly<
    Record<string, { readonly type: string; readonly required?: true; readonly default?: AttributeDefault }>
  >;
}

/** The schemas of one file; versions are unpacked when first asked for. */
class OperatorTable {
  readonly file: OperatorFile;
  readonly #plugin: boolean;
  readonly #domains: ReadonlyMap<string, ReadonlyMap<string, readonly VersionEntry[]>>;
  readonly #typeSets = new Map<number, ReadonlySet<string>>();
  readonly #unpacked = new Map<VersionEntry, OperatorSchema>();

  constructor(url: URL, plugin: boolean) {
    // Not a JSON import: on Node 20 that prints an experimental warning.
    this.file = JSON.parse(readFileSync(url, 'utf8')) as OperatorFile;
    this.#plugin = plugin;
    this.#domains = new Map(
      Object.entries(this.file.domains).map(([domain, operators]) => [domain, new Map(Object.entries(operators))]),
    );
  }

  versions(opType: string, domain: string): readonly OperatorSchema[] {
    const entries = this.#domains.get(domain)?.get(opType) ?? [];
    return entries.map((entry) => this.#unpack(entry, opType, domain));
  }

  /** The newest version that is not newer than `opset`. */
  find(opType: string, domain: string, opset: number): OperatorSchema | undefined {
    const entry = this.#domains
      .get(domain)
      ?.get(opType)
      ?.findLast(({ since }) => since <= opset);
    return entry === undefined ? undefined : this.#unpack(entry, opType, domain);
  }

  names(domain: string): Iterable<string> {
    return this.#domains.get(domain)?.keys() ?? [];
  }

  domains(): Iterable<string> {
    return this.#domains.keys();
  }

  #unpack(entry: VersionEntry, name: string, domain: string): OperatorSchema {
    const known = this.#unpacked.get(entry);
    if (known !== undefined) return known;
    const schema: OperatorSchema = {
      name,
      domain,
      since: entry.since,
      deprecated: entry.deprecated === true,
      hasFunction: entry.function === true,
      plugin: this.#plugin,
      inputs: entry.inputs.map(parameter),
      outputs: entry.outputs.map(parameter),
      minInputs: entry.inputCount[0],
      maxInputs: entry.inputCount[1] ?? Number.POSITIVE_INFINITY,
      minOutputs: entry.outputCount[0],
      maxOutputs: entry.outputCount[1] ?? Number.POSITIVE_INFINITY,
      inputCounts: entry.inputCounts,
      outputCounts: entry.outputCounts,
      types: new Map(Object.entries(entry.types ?? {}).map(([key, types]) => [key, this.#typeSet(types)])),
      attributes: new Map(
        Object.entries(entry.attributes ?? {}).map(([key, { type, required, default: value }]) => [
          key,
          { type, required: required === true, default: value },
        ]),
      ),
      anyAttribute: entry.anyAttribute === true,
    };
    this.#unpacked.set(entry, schema);
    return schema;
  }

  #typeSet(types: number | readonly string[]): ReadonlySet<string> {
    if (typeof types !== 'number') return new Set(types);
    const known = this.#typeSets.get(types);
    if (known !== undefined) return known;
    const set = new Set((this.file.typeLists[types] ?? []).map((index) => this.file.types[index] ?? ''));
    this.#typeSets.set(types, set);
    return set;
  }
}

function parameter([name, type, kind, minArity = 0]: ParameterEntry): Parameter {
  const variadic = kind === 'variadic' || kind === 'heterogeneous';
  const option = variadic ? 'variadic' : kind === 'optional' ? 'optional' : 'single';
  return { name, type, option, homogeneous: kind !== 'heterogeneous', minArity: variadic ? minArity : 0 };
}

let standardTable: OperatorTable | undefined;
let pluginTable: OperatorTable | undefined;

function standard(): OperatorTable {
  standardTable ??= new OperatorTable(new URL('./data/operators.json', import.meta.url), false);
  return standardTable;
}

function plugins(): OperatorTable {
  pluginTable ??= new OperatorTable(new URL('./data/plugin-operators.json', import.meta.url), true);
  return pluginTable;
}

/** The domain under which schemas are kept: 'ai.onnx' is another spelling of ''. */
function canonical(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/**
 * The form of an operator that a version of its domain selects: the newest that is not newer. Undefined when there is
 * no such operator or it came later. A deprecated form says so: models of that version must not use the operator.
 *
 * @param domain '' or 'ai.onnx' for the standard operators, where those of Ascend software are found too
 * @param opset the version of the domain that the model imports
 *
 * @example
 * schemaFor('Softmax', '', 11)?.since // 11: flattens from `axis` on; opset 13 has another form
 */
export function schemaFor(opType: string, domain: string, opset: number): OperatorSchema | undefined {
  const key = canonical(domain);
  return standard().find(opType, key, opset) ?? plugins().find(opType, key, opset);
}

/** All forms of an operator, oldest first; empty when no such operator is known. */
export function operatorVersions(opType: string, domain = ''): readonly OperatorSchema[] {
  const key = canonical(domain);
  const versions = standard().versions(opType, key);
  return versions.length > 0 ? versions : plugins().versions(opType, key);
}

/** Names of the operators of a domain in alphabetical order, those of Ascend software after the standard ones. */
export function operatorNames(domain = ''): readonly string[] {
  const key = canonical(domain);
  return [...standard().names(key), ...plugins().names(key)];
}

/** Domains whose operators all are known here: a name that is not among them is a mistake. */
export function standardDomains(): readonly string[] {
  return [...standard().domains()];
}

/** The newest version of a standard domain; undefined for other domains. */
export function newestOpset(domain = ''): number | undefined {
  return standard().file.opsets?.[canonical(domain)];
}

/** The newest IR version that the schemas know of. */
export function newestIrVersion(): number {
  return standard().file.irVersion ?? 0;
}

/** Released combinations of IR version and operator sets, oldest first. */
export function onnxReleases(): readonly OnnxRelease[] {
  return (standard().file.releases ?? []).map(([ir, onnx, ml]) => ({ ir, onnx, ml }));
}

import { printable } from '../../errors.ts';
import { elementType } from '../../ir/data-type.ts';
import type { Model } from '../../ir/model.ts';
import type { Dim } from '../../ir/type.ts';
import type { Value } from '../../ir/value.ts';
import type { Finding } from '../../schema/finding.ts';
import { omFinding } from './findings.ts';
import type { OmModel, OmReport, OmTensor } from './report.ts';
import type { OmRule } from './rules.ts';

/**
 * Where a compiled model is not what its ONNX model says: number, order, names, element types and shapes of inputs and
 * outputs. What the compiler was told to change (`--input_fp16_nodes`, `--output_type`, shapes of open dimensions) is
 * no difference. Hidden inputs are left out.
 *
 * @param om a report of depth `interface` or `full`, without a problem
 */
export function compareOmWithModel(om: OmReport, model: Model): Finding<OmRule>[] {
  const [compiled] = om.models;
  if (compiled === undefined) return [];
  const options = compilerOptions(compiled);
  const inputs = compiled.inputs.filter(({ hidden }) => !hidden);
  // Until IR version 4 every initializer is listed as an input, too.
  const fed = model.graph.inputs.filter(({ initializer }) => initializer === undefined);
  return [
    ...comparePorts('input', inputs, fed, (port, value) => port.name === value.name, options),
    ...comparePorts('output', compiled.outputs, model.graph.outputs, isOutput, options),
  ];
}

/** What the compiler was told to do with element types. */
interface CompilerOptions {
  readonly halfInputs: ReadonlySet<string>;
  /** Element type of all outputs by ONNX's name. */
  readonly outputType: string | undefined;
}

type Kind = 'input' | 'output';

const OUTPUT_TYPES: ReadonlyMap<string, string> = new Map([
  ['FP32', 'FLOAT'],
  ['FP16', 'FLOAT16'],
  ['UINT8', 'UINT8'],
  ['INT8', 'INT8'],
  ['BF16', 'BFLOAT16'],
]);

function compilerOptions({ atcCmdline }: OmModel): CompilerOptions {
  const option = (name: string): string | undefined =>
    new RegExp(`--${name}[= ]["']?([^"'\\s]*)`, 'u').exec(atcCmdline ?? '')?.[1];
  return {
    halfInputs: new Set(option('input_fp16_nodes')?.split(';')),
    outputType: OUTPUT_TYPES.get(option('output_type') ?? ''),
  };
}

/**
 * Whether a compiled output may be an ONNX output: the file calls it `node:index:name`, older compilers `node:index`,
 * with the node that is left of it after fusion, which says nothing about the ONNX model.
 */
function isOutput({ name }: OmTensor, value: Value): boolean {
  return (
    name === value.name || (name.endsWith(`:${value.name}`) && /:\d+$/u.test(name.slice(0, -value.name.length - 1)))
  );
}

/** Whether the name of a compiled output has the ONNX name in it at all. */
function keepsName({ name }: OmTensor): boolean {
  return /:\d+:/u.test(name);
}

function comparePorts(
  kind: Kind,
  ports: readonly OmTensor[],
  values: readonly Value[],
  isSame: (port: OmTensor, value: Value) => boolean,
  options: CompilerOptions,
): Finding<OmRule>[] {
  const rule = `om-other-${kind}` as const;
  const findings: Finding<OmRule>[] = [];
  if (ports.length !== values.length) {
    findings.push(
      omFinding(
        rule,
        `the model has another number of ${kind}s`,
        { path: kind },
        {
          expected: `${values.length}`,
          found: `${ports.length}`,
        },
      ),
    );
  }
  const taken = new Set<OmTensor>();
  for (const [i, value] of values.entries()) {
    const path = `${kind}[${i}]`;
    const named = ports.find((port) => !taken.has(port) && isSame(port, value));
    const placed = ports[i];
    const port = named ?? (kind === 'output' && placed !== undefined && !keepsName(placed) ? placed : undefined);
    const where = { path, value: printable(value.name) };
    if (port === undefined) {
      const facts = placed === undefined ? {} : { found: placed.name };
      findings.push(omFinding(rule, `the ${kind} is missing`, where, facts));
      continue;
    }
    taken.add(port);
    if (named === undefined) {
      const found = { found: port.name };
      findings.push(omFinding('om-output-name-unknown', 'the file does not keep the ONNX name', where, found));
    } else if (named !== placed) {
      const facts = { expected: `${i}`, found: `${ports.indexOf(named)}` };
      findings.push(omFinding(rule, `the ${kind} is in another place`, where, facts));
    }
    const difference = compareType(kind, port, value, options);
    if (difference !== undefined) {
      findings.push(omFinding(rule, `the ${kind} has another type or shape`, where, difference));
    }
  }
  return findings;
}

function compareType(
  kind: Kind,
  port: OmTensor,
  { type, shape, name }: Value,
  { halfInputs, outputType }: CompilerOptions,
): { expected: string; found: string } | undefined {
  const stated = type?.kind === 'tensor' ? elementType(type.elemType)?.onnx : undefined;
  const isHalved = kind === 'input' && halfInputs.has(name);
  const dtype = isHalved ? 'FLOAT16' : kind === 'output' ? (outputType ?? stated) : stated;
  const isSameType = dtype === undefined || dtype === port.dtype;
  if (isSameType && fits(port.shape, shape)) return undefined;
  return {
    expected: `${dtype ?? '?'}${formatShape(shape)}`,
    found: `${port.dtype}${formatShape(port.shape ?? undefined)}`,
  };
}

/** Open dimensions of either side fit anything: the compiler was given sizes, or gears, for them. */
function fits(compiled: readonly number[] | null, stated: readonly Dim[] | undefined): boolean {
  if (compiled === null || stated === undefined) return true;
  return (
    compiled.length === stated.length &&
    compiled.every((dim, i) => dim < 0 || typeof stated[i] !== 'number' || stated[i] === dim)
  );
}

function formatShape(shape: readonly Dim[] | undefined): string {
  return shape === undefined ? '' : `[${shape.map((dim) => dim ?? '?').join(',')}]`;
}

import { printable, SdgraphError } from '../errors.ts';
import { typeName } from '../ir/data-type.ts';
import type { Model } from '../ir/model.ts';
import { type Dim, formatType } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import type { SessionPort } from '../runtime/session.ts';

/**
 * The inputs that a run of the main graph needs, in order: those that no initializer stands for.
 *
 * @throws SdgraphError `E_VERIFY` for one that is no tensor
 */
export function inputsOf(model: Model): SessionPort[] {
  return model.graph.inputs
    .filter((value) => value.initializer === undefined)
    .map((value) => port(value, 'input', model));
}

/**
 * Names of the outputs of the main graph, in order.
 *
 * @throws SdgraphError `E_VERIFY` when there is none, or one that is no tensor
 */
export function outputsOf(model: Model): string[] {
  const { outputs } = model.graph;
  if (outputs.length === 0) throw failure('the model has no outputs to compare', model);
  for (const { type, name } of outputs) {
    if (type !== undefined && type.kind !== 'tensor') throw noTensor('output', name, formatType(type), model);
  }
  return outputs.map(({ name }) => name);
}

/**
 * Requires that the same inputs can be given to both models and that they have the same outputs: names must be the
 * same, shapes of inputs must not contradict each other. Element types may differ, as those of a timestep do.
 *
 * @throws SdgraphError `E_VERIFY` saying what both have
 */
export function checkInterfaces(reference: Model, candidate: Model): void {
  const inputs = [inputsOf(reference), inputsOf(candidate)] as const;
  checkNames('inputs', ...(inputs.map((ports) => ports.map(({ name }) => name)) as [string[], string[]]), candidate);
  checkNames('outputs', outputsOf(reference), outputsOf(candidate), candidate);
  const wanted = new Map(inputs[0].map((each) => [each.name, each]));
  for (const found of inputs[1]) {
    const expected = wanted.get(found.name) as SessionPort;
    if (agree(expected.shape, found.shape)) continue;
    throw new SdgraphError(
      'E_VERIFY',
      'an input has another shape in the two models',
      { file: candidate.label, name: found.name },
      { expected: formatPort(expected), found: formatPort(found) },
    );
  }
}

function checkNames(kind: string, expected: readonly string[], found: readonly string[], candidate: Model): void {
  const [wanted, had] = [new Set(expected), new Set(found)];
  const missing = expected.filter((name) => !had.has(name));
  const extra = found.filter((name) => !wanted.has(name));
  if (missing.length === 0 && extra.length === 0) return;
  throw new SdgraphError(
    'E_VERIFY',
    `the models have other ${kind}`,
    { file: candidate.label },
    { expected: printable(expected.join(', ')), found: printable(found.join(', ')) },
  );
}

/** Whether one shape can be both; an extent that is not a number may be any. */
export function agree(a: readonly Dim[], b: readonly Dim[]): boolean {
  return (
    a.length === b.length && a.every((dim, i) => typeof dim !== 'number' || typeof b[i] !== 'number' || dim === b[i])
  );
}

/** An input or output as text: `float32[1,4]`. */
export function formatPort({ dataType, shape }: SessionPort): string {
  return `${typeName(dataType)}[${shape.map((dim) => dim ?? '?').join(',')}]`;
}

function port({ name, type }: Value, kind: string, model: Model): SessionPort {
  if (type?.kind !== 'tensor') throw noTensor(kind, name, type === undefined ? 'no type' : formatType(type), model);
  if (type.shape === undefined) throw failure(`an ${kind} has no shape`, model, name);
  return { name, dataType: type.elemType, shape: type.shape };
}

function noTensor(kind: string, name: string, found: string, model: Model): SdgraphError {
  return failure(`an ${kind} is no tensor`, model, name, found);
}

function failure(reason: string, { label }: Model, name?: string, found?: string): SdgraphError {
  const where = { file: label, ...(name === undefined ? {} : { name }) };
  return new SdgraphError('E_VERIFY', reason, where, found === undefined ? {} : { found });
}

import { elementType, typeName } from '../../ir/data-type.ts';
import type { Model } from '../../ir/model.ts';
import { fieldCounts } from '../../ir/raw-fields.ts';
import { SparseTensor } from '../../ir/sparse-tensor.ts';
import { newestIrVersion, newestOpset, onnxReleases } from '../operators.ts';
import { type CheckContext } from './context.ts';
import { functionLabel } from './places.ts';

/** Versions are a signed 32-bit number for most readers. */
const MAX_VERSION = 0x7fff_ffff;

/** IR versions from which something exists (onnx.proto). */
const SINCE = { opsets: 3, freeInitializers: 4, sparse: 6, training: 7, functions: 8, overloads: 10 } as const;

/** IR version from which element types exist, for those that did not from the start. */
const TYPE_SINCE: ReadonlyMap<string, number> = new Map([
  ['BFLOAT16', 4],
  ['FLOAT8E4M3FN', 9],
  ['FLOAT8E4M3FNUZ', 9],
  ['FLOAT8E5M2', 9],
  ['FLOAT8E5M2FNUZ', 9],
  ['UINT4', 10],
  ['INT4', 10],
  ['FLOAT4E2M1', 11],
  ['FLOAT8E8M0', 12],
  ['UINT2', 13],
  ['INT2', 13],
]);

/** IR version, operator sets, and what depends on the two. */
export function checkVersions(context: CheckContext): void {
  const { model } = context;
  checkIrVersion(context);
  checkOpsets(context);
  checkFeatures(context);
  checkRepeated(context);
  if (model.irVersion < SINCE.freeInitializers) {
    for (const graph of model.scopes()) {
      for (const value of graph.initializers) {
        if (value.isGraphInput) continue;
        context.report(
          'initializer-not-input',
          { graph, value: value.name },
          'before IR version 4 an initializer has to be a graph input too',
          { found: `IR version ${model.irVersion}` },
        );
      }
    }
  }
}

function checkIrVersion(context: CheckContext): void {
  const { irVersion } = context.model;
  if (irVersion === 0) {
    context.report('ir-version-missing', { path: 'ir_version' }, 'the model does not say its IR version');
  } else if (irVersion > newestIrVersion()) {
    context.report('ir-version-unknown', { path: 'ir_version' }, 'the IR version is newer than any known', {
      expected: `at most ${newestIrVersion()}`,
      found: `${irVersion}`,
    });
  }
}

function checkOpsets(context: CheckContext): void {
  const { model } = context;
  const path = 'opset_import';
  if (model.irVersion >= SINCE.opsets && model.opsets.size === 0) {
    context.report('opset-missing', { path }, 'the model imports no operator set');
  }
  if (model.irVersion < SINCE.opsets && model.opsets.size > 0) {
    context.report('opset-not-allowed', { path }, 'a model of this IR version cannot import operator sets', {
      found: `IR version ${model.irVersion}`,
      hint: 'IR version 3 brought operator sets',
    });
  }
  checkImports(model.opsets, path, context);
  for (const each of model.functions) checkImports(each.opsets, `function ${functionLabel(each)}.${path}`, context);
  const release = newestOfIr(model);
  for (const [domain, most] of release) {
    const version = domain === '' ? model.opset() : model.opset(domain);
    if (version === undefined || version <= most || version > (newestOpset(domain) ?? 0)) continue;
    context.report(
      'opset-newer-than-ir',
      { path },
      `version ${version} of ${label(domain)} came with a later IR version than the model has`,
      { expected: `at most ${most} with IR version ${model.irVersion}`, found: `${version}` },
    );
  }
}

function checkImports(opsets: ReadonlyMap<string, number>, path: string, context: CheckContext): void {
  for (const [domain, version] of opsets) {
    const newest = newestOpset(domain);
    if (version > MAX_VERSION || version < (newest === undefined ? -MAX_VERSION : 1)) {
      context.report('opset-invalid', { path }, `${label(domain)} cannot have this version`, { found: `${version}` });
    } else if (newest !== undefined && version > newest) {
      context.report('opset-unknown', { path }, `the version of ${label(domain)} is newer than any known`, {
        expected: `at most ${newest}`,
        found: `${version}`,
      });
    }
  }
}

/** The newest operator sets that were released with the IR version of the model or an earlier one. */
function newestOfIr({ irVersion }: Model): Map<string, number> {
  const newest = new Map<string, number>();
  for (const { ir, onnx, ml } of onnxReleases()) {
    if (ir > irVersion) continue;
    newest.set('', Math.max(newest.get('') ?? 0, onnx));
    newest.set('ai.onnx.ml', Math.max(newest.get('ai.onnx.ml') ?? 0, ml));
  }
  return newest;
}

function label(domain: string): string {
  return domain === '' || domain === 'ai.onnx' ? 'the standard operator set' : `the operator set '${domain}'`;
}

function checkFeatures(context: CheckContext): void {
  const { model } = context;
  const tooNew = (path: string, what: string, since: number): void => {
    if (model.irVersion >= since || model.irVersion === 0) return;
    context.report('feature-newer-than-ir', { path }, `${what} exist since IR version ${since}`, {
      found: `IR version ${model.irVersion}`,
    });
  };
  if (model.functions.length > 0) tooNew('functions', 'local functions', SINCE.functions);
  if (model.functions.some(({ overload }) => overload !== '')) tooNew('functions', 'overloads', SINCE.overloads);
  if (model.trainingGraphs.length > 0) tooNew('training_info', 'training graphs', SINCE.training);
  if (hasSparseInitializers(model)) tooNew('graph', 'sparse initializers', SINCE.sparse);
  for (const type of elementTypesOf(model)) {
    const since = TYPE_SINCE.get(elementType(type)?.onnx ?? '');
    if (since !== undefined) tooNew('graph', `tensors of ${typeName(type)}`, since);
  }
}

function hasSparseInitializers(model: Model): boolean {
  for (const graph of model.scopes()) {
    if (graph.initializers.some(({ initializer }) => initializer instanceof SparseTensor)) return true;
  }
  return false;
}

/** Element types of constants anywhere in the model, ascending. */
function elementTypesOf(model: Model): number[] {
  const types = new Set<number>();
  for (const graph of model.scopes()) {
    for (const { initializer } of graph.initializers) if (initializer !== undefined) types.add(initializer.dataType);
    for (const node of graph.nodes) {
      for (const { values } of node.attributes) {
        for (const { dataType } of values.tensors ?? []) types.add(dataType);
      }
    }
  }
  return [...types].toSorted((a, b) => a - b);
}

/** Entries that came more than once in the file; the last one counts. */
function checkRepeated(context: CheckContext): void {
  const { model } = context;
  const counts = fieldCounts('ModelProto', model.segments);
  if (model.editedOpsets.size === 0 && (counts.get('opset_import') ?? 0) > model.opsets.size) {
    context.report('duplicate-opset', { path: 'opset_import' }, 'a domain is imported twice; the last import counts');
  }
  if (model.editedMetadata.size === 0 && (counts.get('metadata_props') ?? 0) > model.metadata.size) {
    context.report('duplicate-metadata', { path: 'metadata_props' }, 'a metadata key occurs twice');
  }
}

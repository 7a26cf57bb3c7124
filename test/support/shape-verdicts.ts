import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { openModel } from '../../src/io/open.ts';
import { formatType } from '../../src/ir/type.ts';
import { inferShapes } from '../../src/schema/infer.ts';
import { type Variant, variantOf } from './shape-variants.ts';
import { compareTypes, type Relation } from './type-text.ts';

/** Types that the reference gave the values of one model, by variant and name. */
type Verdict = { readonly sha256: string } & { readonly [V in Variant]?: Readonly<Record<string, string>> };

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Where the models of a corpus are; those of the repository are always there. */
const FOLDERS: Readonly<Record<string, string | undefined>> = {
  'debian-1.12': '/usr/share/libonnx-testdata/data',
  // `onnx/backend/test/data` of the Python package onnx 1.21.0.
  'onnx-1.21': process.env['SDGRAPH_ONNX_TEST_DATA'],
  parity: join(FIXTURES, 'parity'),
  exporters: join(FIXTURES, 'exporters'),
};

/** A model that verdicts were recorded for. */
export interface JudgedModel {
  readonly key: string;
  readonly verdict: Verdict;
  readonly bytes: Uint8Array;
  readonly dataSet: string;
}

/** The corpora of the verdicts; `folder` is undefined where this machine does not have the models. */
export function corpora(): { readonly name: string; readonly folder: string | undefined }[] {
  return Object.entries(FOLDERS).map(([name, folder]) => ({
    name,
    folder: folder !== undefined && existsSync(folder) ? folder : undefined,
  }));
}

/** Models of a corpus with their verdicts. */
export function* judgedModels(corpus: string, folder: string): Generator<JudgedModel> {
  const file = readFileSync(join(FIXTURES, 'shape-verdicts', 'verdicts.json.gz'));
  const { models } = JSON.parse(gunzipSync(file).toString()) as { models: Record<string, Verdict> };
  for (const [key, verdict] of Object.entries(models)) {
    if (!key.startsWith(`${corpus}/`)) continue;
    const path = join(folder, key.slice(corpus.length + 1));
    const isPacked = path.endsWith('.gz');
    const bytes = isPacked ? gunzipSync(readFileSync(path)) : readFileSync(join(path, 'model.onnx'));
    yield { key, verdict, bytes, dataSet: join(path, 'test_data_set_0') };
  }
}

/** One value about which both sides say something. */
export interface Comparison {
  readonly key: string;
  readonly variant: Variant;
  readonly opType: string;
  readonly ours: string;
  readonly theirs: string;
  readonly relation: Relation;
}

/** Compares what is inferred for a model with its verdict. */
export async function compareWithVerdict(judged: JudgedModel, variant: Variant): Promise<Comparison[]> {
  const { key, bytes, dataSet, verdict } = judged;
  const types = verdict[variant];
  if (types === undefined) return [];
  const model = await openModel(variantOf(bytes, variant, dataSet));
  const inferred = inferShapes(model);
  const comparisons: Comparison[] = [];
  for (const { outputs, opType } of model.graph.nodes) {
    for (const value of outputs) {
      if (value === undefined) continue;
      const ours = formatType(inferred.type(value));
      const theirs = types[value.name] ?? 'unknown';
      comparisons.push({ key, variant, opType, ours, theirs, relation: compareTypes(ours, theirs) });
    }
  }
  return comparisons;
}

/** What is inferred for the outputs of a test compared with the types that the test declares for them. */
export async function compareWithDeclared(judged: JudgedModel, variant: Variant): Promise<Comparison[]> {
  const { key, bytes, dataSet } = judged;
  const declared = (await openModel(bytes)).graph.outputs;
  const model = await openModel(variantOf(bytes, variant, dataSet));
  const inferred = inferShapes(model);
  return model.graph.outputs.map((value, i) => {
    // Symbols stand for the extents in their names.
    const ours = formatType(inferred.type(value)).replaceAll(/\bs([0-9]+)\b/g, '$1');
    const theirs = formatType(declared[i]?.type);
    const opType = value.producer?.opType ?? '';
    return { key, variant, opType, ours, theirs, relation: compareTypes(ours, theirs) };
  });
}

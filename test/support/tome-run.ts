import { expect } from 'vitest';
import { type InsertTomeOptions, insertTome } from '../../passes/insert-tome.ts';
import { constantInts } from '../../src/ir/constants.ts';
import type { Model } from '../../src/ir/model.ts';
import type { Node } from '../../src/ir/node.ts';
import { pipeline } from '../../src/rewrite/pipeline.ts';
import type { Report } from '../../src/rewrite/report.ts';
import { type AttentionModelOptions, attentionModel } from './attention-blocks.ts';

/** Runs the pass, for one block unless told otherwise. */
export const run = (model: Model, options: Partial<InsertTomeOptions> = {}): Promise<Report> =>
  pipeline([insertTome({ count: 1, ...options })]).run(model);

/** A model of attention blocks in which all tokens are merged. */
export async function insert(built: AttentionModelOptions, options: Partial<InsertTomeOptions> = {}): Promise<Model> {
  const model = attentionModel(built);
  await run(model, { count: built.blocks ?? 1, ...options });
  return model;
}

/** What became of the first place; nothing may have been edited. */
export async function refusal(model: Model, options: Partial<InsertTomeOptions> = {}): Promise<string> {
  const { revision } = model;
  const report = await pipeline([insertTome({ count: 1, ...options })]).run(model, { allowMissing: true });
  expect(model.revision).toBe(revision);
  const [site] = report.passes[0]?.sites ?? [];
  return `${site?.status}: ${site?.reason}`;
}

/** The node of that name. */
export function node(model: Model, name: string): Node {
  const found = [...model.graph.nodes].find((each) => each.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
}

/** A constant by name; empty when there is none. */
export const ints = (model: Model, name: string): number[] => (constantInts(model.graph.value(name)) ?? []).map(Number);
/** The constant shape that a Reshape takes. */
export const shapeOf = (model: Model, name: string): number[] =>
  (constantInts(node(model, name).inputs[1]) ?? []).map(Number);

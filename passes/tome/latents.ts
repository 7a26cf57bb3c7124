import { DataType } from '../../src/ir/data-type.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Value } from '../../src/ir/value.ts';
import { Refusal } from './refusal.ts';

/** The grid of latents that the tokens of full resolution stand for. */
export interface Latents {
  readonly input: Value;
  readonly height: number;
  readonly width: number;
}

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE, DataType.BFLOAT16]);

/**
 * The graph input that holds the latents, `[batch, channels, height, width]`: the one called `name`, else among the
 * float inputs of rank 4 the one with the largest grid for which there is an attention, `tokens` being the numbers of
 * tokens that attentions have. A UNet with ControlNet residuals has many such inputs; the latents are the largest.
 * Undefined when no grid fits.
 *
 * @throws Refusal when two grids of different form fit
 */
export function findLatents(graph: Graph, tokens: ReadonlySet<number>, name: string | undefined): Latents | undefined {
  const grids = graph.inputs.filter((input) => name === undefined || input.name === name).flatMap(gridOf);
  if (name !== undefined) return grids[0];
  const fitting = grids.filter(({ height, width }) => tokens.has(height * width));
  const largest = Math.max(...fitting.map(({ height, width }) => height * width));
  const [first, ...others] = fitting.filter(({ height, width }) => height * width === largest);
  const other = others.find(({ height }) => height !== first?.height);
  if (first !== undefined && other !== undefined) {
    throw new Refusal(`the inputs '${first.input.name}' and '${other.input.name}' could both be the latents`);
  }
  return first;
}

function gridOf(input: Value): Latents[] {
  const { type } = input;
  if (type?.kind !== 'tensor' || !FLOATS.has(type.elemType) || type.shape?.length !== 4) return [];
  const [, , height, width] = type.shape;
  return typeof height === 'number' && typeof width === 'number' ? [{ input, height, width }] : [];
}

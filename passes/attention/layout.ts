import type { Dim } from '../../src/ir/type.ts';
import type { Value } from '../../src/ir/value.ts';
import type { Builder } from '../../src/rewrite/builder.ts';
import type { AttentionSite } from './match.ts';
import { sameDim, type View } from './views.ts';

/** Order of axes: batch, heads (N), tokens (S), features of a head. */
export type Layout = 'BNSD' | 'BSND';

/** From a view that is there to the layout that an operator takes, by as few new nodes as possible. */
export interface Route {
  readonly from: View;
  readonly steps: readonly Step[];
}

type Step = { readonly perm: readonly number[] } | { readonly shape: readonly number[] };

/** The four axes of one operand. */
interface Axes {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly length: Dim;
  readonly headDim: Dim;
}

/** The axes of queries and of the result (`q`), or of keys and values. */
export function axesOf(site: AttentionSite, operand: 'q' | 'kv'): Axes {
  const { batch, heads, headDim } = site;
  return { batch, heads, length: operand === 'q' ? site.qLength : site.kvLength, headDim };
}

/** The axes in the order of a layout. */
export function shapeIn(layout: Layout, { batch, heads, length, headDim }: Axes): readonly Dim[] {
  return layout === 'BNSD' ? [batch, heads, length, headDim] : [batch, length, heads, headDim];
}

/** How to get an operand in a layout and element type; text says why that cannot be had. */
export function routeTo(layout: Layout, views: readonly View[], axes: Axes, elemType: number): Route | string {
  const typed = views.filter((view) => view.elemType === elemType);
  const tokens = typed.findLast((view) => view.form === 'tokens' && fits(view, axes));
  const heads = typed.findLast((view) => view.form === 'heads' && !view.swapped && fits(view, axes));
  const direct = layout === 'BNSD' ? heads : tokens;
  if (direct !== undefined) return { from: direct, steps: [] };
  const other = layout === 'BNSD' ? tokens : heads;
  if (other !== undefined) return { from: other, steps: [{ perm: [0, 2, 1, 3] }] };
  const turned = typed.findLast((view) => view.form === 'heads' && fits(view, axes));
  if (turned !== undefined) return { from: turned, steps: [{ perm: layout === 'BNSD' ? [0, 1, 3, 2] : [0, 3, 1, 2] }] };
  const rows = typed.findLast(({ form }) => form !== 'tokens');
  if (rows === undefined) return 'queries, keys, values and the result have different element types';
  const shape = reshapeTo(rows.swapped ? swapped(shapeIn('BNSD', axes)) : shapeIn('BNSD', axes));
  if (shape === undefined) return 'more than one dimension is not known';
  const steps: Step[] = [{ shape }];
  if (rows.swapped) steps.push({ perm: layout === 'BNSD' ? [0, 1, 3, 2] : [0, 3, 1, 2] });
  else if (layout === 'BSND') steps.push({ perm: [0, 2, 1, 3] });
  return { from: rows, steps };
}

/** Inserts the steps of a route and gives the operand. */
export function follow({ from, steps }: Route, build: Builder): Value {
  let { value } = from;
  for (const step of steps)
    value = 'perm' in step ? build.transpose(value, step.perm) : build.reshape(value, step.shape);
  return value;
}

/** The shape as a Reshape takes it, -1 for the one dimension that may be unknown. */
export function reshapeTo(dims: readonly Dim[]): readonly number[] | undefined {
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : -1));
  return shape.filter((dim) => dim === -1).length > 1 ? undefined : shape;
}

function fits({ form, swapped: isSwapped, dims }: View, axes: Axes): boolean {
  const wanted = shapeIn(form === 'tokens' ? 'BSND' : 'BNSD', axes);
  return (isSwapped ? swapped(wanted) : wanted).every((dim, i) => sameDim(dim, dims[i]));
}

function swapped(dims: readonly Dim[]): readonly Dim[] {
  return [...dims.slice(0, -2), dims.at(-1), dims.at(-2)];
}

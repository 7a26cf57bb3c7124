import { Attribute } from '../src/ir/attribute.ts';
import { int64Tensor } from '../src/ir/constants.ts';
import type { Graph } from '../src/ir/graph.ts';
import type { Value } from '../src/ir/value.ts';
import { removeIfUnused, takePlace } from '../src/rewrite/edit.ts';
import { opsetOf } from '../src/rewrite/opset.ts';
import { definePass } from '../src/rewrite/pass.ts';
import { label, type SiteLog } from '../src/rewrite/report.ts';
import type { Inference } from '../src/schema/inference.ts';
import { namePrefix, readSlice, type SliceRange } from './support/slices.ts';

/** Before this opset Split counts its axis from the front only. */
const NEGATIVE_AXIS_SINCE = 11;
/** From this opset on the sizes are an input. */
const SIZES_ARE_INPUT_SINCE = 13;
/** From this opset on a Split without sizes says into how many parts. */
const COUNTS_OUTPUTS_SINCE = 18;

/**
 * Puts one Split in the place of all Slices of a tensor that cut one axis into adjoining parts, covering it whole, each
 * element in exactly one part. Covers every scope. Slices that leave a gap, overlap, or step are left alone, with the
 * reason. The values keep their names; the computations of the bounds stay behind and go with `eliminate-unused`.
 */
export const splitSlices = definePass({
  name: 'split-slices',
  summary: 'Puts one Split in the place of the Slices that cut an axis into parts',
  defaults: {},
  run(context) {
    const { model, report } = context;
    const known = context.shapes();
    const plans = [...model.scopes()].flatMap((graph) => plansFor(graph, known, report));
    for (const plan of plans) split(plan, report);
  },
});

/** The Slices that one Split replaces: in node order, and in the order of the axis. */
interface Plan {
  readonly slices: readonly [SliceRange, ...SliceRange[]];
  readonly parts: readonly SliceRange[];
}

function plansFor(graph: Graph, shapes: Inference, report: SiteLog): Plan[] {
  const groups = new Map<Value, Map<number, SliceRange[]>>();
  for (const node of graph.nodesOf('Slice')) {
    const range = readSlice(node, shapes);
    if (typeof range === 'string') {
      report.skipped(node, range);
      continue;
    }
    const byAxis = groups.get(range.data) ?? new Map<number, SliceRange[]>();
    groups.set(range.data, byAxis);
    byAxis.set(range.axis, [...(byAxis.get(range.axis) ?? []), range]);
  }
  const plans: Plan[] = [];
  for (const slices of [...groups.values()].flatMap((byAxis) => [...byAxis.values()])) {
    const [first] = slices;
    if (first === undefined) continue;
    const parts = slices.toSorted((a, b) => a.start - b.start || a.end - b.end);
    const reason = whyNot(parts);
    if (reason === undefined) plans.push({ slices: slices as [SliceRange, ...SliceRange[]], parts });
    else for (const { node } of slices) report[slices.length === 1 ? 'skipped' : 'refused'](node, reason);
  }
  return plans;
}

function whyNot(parts: readonly SliceRange[]): string | undefined {
  if (parts.length === 1) return 'nothing else slices the tensor on this axis';
  let covered = 0;
  for (const { start, end } of parts) {
    if (start >= end) return 'one of the slices is empty';
    if (start < covered) return `elements ${start} to ${covered - 1} are in more than one slice`;
    if (start > covered) return `elements ${covered} to ${start - 1} are in no slice`;
    covered = end;
  }
  const extent = parts[0]?.extent ?? 0;
  if (covered < extent) return `elements ${covered} to ${extent - 1} are in no slice`;
  const pinned = parts.find(({ node }) => node.output().isPinned);
  return pinned && `'${pinned.node.output().name}' is referred to by name`;
}

function split({ slices, parts }: Plan, report: SiteLog): void {
  const [{ node: first, axis, writtenAxis }] = slices;
  const { graph } = first;
  const opset = opsetOf(graph) ?? 0;
  const sizes = parts.map(({ start, end }) => end - start);
  const areEqual = sizes.every((size) => size === sizes[0]);
  const name = `${namePrefix(first.name)}Split`;
  const attributes = [Attribute.int('axis', opset >= NEGATIVE_AXIS_SINCE ? writtenAxis : axis)];
  const inputs = [first.inputs[0]];
  if (!areEqual) {
    if (opset < SIZES_ARE_INPUT_SINCE) attributes.push(Attribute.ints('split', sizes));
    else inputs.push(graph.addInitializer(int64Tensor(sizes, [sizes.length], `${name}_sizes`)));
  } else if (opset >= COUNTS_OUTPUTS_SINCE) {
    attributes.push(Attribute.int('num_outputs', sizes.length));
  }
  const node = graph.insert(
    { opType: 'Split', name, inputs, attributes, outputs: parts.map((_, i) => `${name}_output_${i}`) },
    { before: first },
  );
  for (const [i, part] of parts.entries()) {
    takePlace(part.node.output(), node.output(i));
    report.applied(part.node, `output ${i} of ${label(node)} now`);
  }
  for (const part of parts) if (part.node.isAlive) removeIfUnused([part.node.output()]);
}

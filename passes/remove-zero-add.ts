import { constantOf } from '../src/ir/constants.ts';
import { elementType } from '../src/ir/data-type.ts';
import type { Node } from '../src/ir/node.ts';
import { Tensor } from '../src/ir/tensor.ts';
import type { Dim } from '../src/ir/type.ts';
import type { Value } from '../src/ir/value.ts';
import { bypass } from '../src/rewrite/edit.ts';
import { definePass, type PassContext } from '../src/rewrite/pass.ts';
import type { Inference } from '../src/schema/inference.ts';

/**
 * Removes every Add with a constant operand of zeros, on either side and in every scope, when the other operand alone
 * has the shape of the sum. Zeros that would broadcast it stay.
 *
 * Reads constants piece by piece, each once, and only where the shapes allow the removal: exports carry zeros of several
 * gigabytes. The zeros themselves go with `eliminate-unused`. Exact, but for the sign of zero: `-0 + 0` is `+0`, and
 * without the Add `-0` stays.
 */
export const removeZeroAdd = definePass({
  name: 'remove-zero-add',
  summary: 'Removes additions of constant zeros that do not change the shape',
  defaults: {},
  run(context) {
    const { model, report } = context;
    const zeros = new ZeroTests();
    const sites: { node: Node; other: number }[] = [];
    for (const graph of model.scopes()) {
      for (const node of graph.nodesOf('Add')) {
        const constants = [1, 0].filter((side) => constantOf(node.inputs[side]) !== undefined);
        if (constants.length === 0) continue;
        const findings = constants.map((side) => ({ other: 1 - side, finding: examine(node, side, context, zeros) }));
        const removable = findings.find(({ finding }) => finding === undefined);
        const refusal = findings.find(({ finding }) => finding?.refused === true) ?? findings[0];
        if (removable !== undefined) sites.push({ node, other: removable.other });
        else if (refusal?.finding?.refused === true) report.refused(node, refusal.finding.reason);
        else report.skipped(node, refusal?.finding?.reason ?? '');
      }
    }
    for (const { node, other } of sites) {
      bypass(node, other);
      report.applied(node, 'removed: it added zeros');
    }
  },
});

interface Finding {
  readonly refused: boolean;
  readonly reason: string;
}

/** Why the constant at `side` cannot be dropped; undefined when it can. */
function examine(node: Node, side: number, context: PassContext, zeros: ZeroTests): Finding | undefined {
  const constant = constantOf(node.inputs[side]) as Tensor;
  const other = node.inputs[1 - side];
  if (!zeros.startsWithZero(constant)) return { refused: false, reason: 'the constant is not zero' };
  const reason =
    widens(constant.dims, other, context.shapes()) ??
    (node.output().isPinned ? 'the sum is referred to by name' : undefined);
  if (reason !== undefined) return { refused: true, reason };
  return zeros.isZero(constant) ? undefined : { refused: false, reason: 'the constant is not zero' };
}

/** Why adding a tensor of `dims` may give another shape than `other` has; undefined when it cannot. */
function widens(dims: readonly number[], other: Value | undefined, shapes: Inference): string | undefined {
  if (dims.length === 0) return undefined;
  const shape = shapes.shape(other);
  if (shape === undefined) return 'the rank of the other operand is not known';
  if (dims.length > shape.length) return `the zeros have ${dims.length} axes and the other operand ${shape.length}`;
  const offset = shape.length - dims.length;
  for (const [i, dim] of dims.entries()) {
    const theirs: Dim = shape[offset + i];
    if (dim === 1 || dim === theirs) continue;
    if (typeof theirs !== 'number') return `axis ${offset + i} of the other operand is not known to be ${dim}`;
    return `the zeros stretch axis ${offset + i} of the other operand from ${theirs} to ${dim}`;
  }
  return undefined;
}

/** Bytes read of a constant before the shapes are compared. */
const LOOK = 4096;

/** Remembers which tensors are zero, so that a shared one of gigabytes is read once. */
class ZeroTests {
  readonly #whole = new Map<Tensor, boolean>();
  readonly #start = new Map<Tensor, boolean>();

  /** Whether the first piece is zero: one look tells nearly every weight from a folded zero. */
  startsWithZero(tensor: Tensor): boolean {
    return remember(this.#start, tensor, () => startOf(tensor).isZero());
  }

  isZero(tensor: Tensor): boolean {
    return remember(this.#whole, tensor, () => tensor.isZero());
  }
}

function remember(known: Map<Tensor, boolean>, tensor: Tensor, test: () => boolean): boolean {
  const answer = known.get(tensor) ?? test();
  known.set(tensor, answer);
  return answer;
}

/** The first elements of a tensor, as a tensor. */
function startOf(tensor: Tensor): Tensor {
  const bits = elementType(tensor.dataType)?.bits ?? 0;
  if (bits === 0 || tensor.byteLength <= LOOK) return tensor;
  const [bytes = new Uint8Array(0)] = tensor.chunks(LOOK);
  return new Tensor({
    dataType: tensor.dataType,
    dims: [(bytes.length * 8) / bits],
    storage: { kind: 'memory', bytes: bytes.slice() },
  });
}

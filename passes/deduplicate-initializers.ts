import { createHash } from 'node:crypto';
import { elementType } from '../src/ir/data-type.ts';
import type { Graph } from '../src/ir/graph.ts';
import { Tensor } from '../src/ir/tensor.ts';
import type { Value } from '../src/ir/value.ts';
import { definePass } from '../src/rewrite/pass.ts';

/** Bytes that are compared before a tensor is read whole: nearly all weights differ there. */
const LOOK = 4096;

/**
 * Lets the readers of initializers with equal type, dimensions and bytes read the first of them, in each scope on its
 * own, and removes the others. Constant nodes, string tensors, graph inputs and outputs and what is referred to by name
 * stay. Reads the start of tensors that share type and dimensions with another, and the rest only where the starts are
 * equal.
 */
export const deduplicateInitializers = definePass({
  name: 'deduplicate-initializers',
  summary: 'Stores equal initializers once',
  defaults: {},
  run({ model, report }) {
    let count = 0;
    let bytes = 0;
    for (const graph of model.scopes()) {
      for (const [first, ...others] of equalGroups(graph)) {
        for (const other of others) {
          other.value.replaceAllUsesWith((first as Candidate).value);
          graph.setInitializer(other.value, undefined);
          bytes += other.tensor.byteLength;
          count++;
        }
      }
    }
    if (count > 0)
      report.note(`${count} initializer${count === 1 ? '' : 's'} of ${bytes} bytes equal to others removed`);
  },
});

interface Candidate {
  readonly value: Value;
  readonly tensor: Tensor;
}

function equalGroups(graph: Graph): Candidate[][] {
  const sameShape = groupBy(candidates(graph), ({ tensor }) => `${tensor.dataType} ${tensor.dims.join(' ')}`);
  const sameStart = sameShape.flatMap((group) => groupBy(group, ({ tensor }) => digest(tensor, LOOK)));
  return sameStart.flatMap((group) =>
    groupBy(group, ({ tensor }) => (tensor.byteLength <= LOOK ? '' : digest(tensor))),
  );
}

function candidates(graph: Graph): Candidate[] {
  const found: Candidate[] = [];
  for (const value of graph.initializers) {
    const { initializer: tensor, isGraphInput, isGraphOutput, isPinned, producer } = value;
    if (isGraphInput || isGraphOutput || isPinned || producer !== undefined || !(tensor instanceof Tensor)) continue;
    if (elementType(tensor.dataType)?.bits) found.push({ value, tensor });
  }
  return found;
}

/** Groups of two and more with equal keys, in order. */
function groupBy(items: readonly Candidate[], key: (item: Candidate) => string): Candidate[][] {
  const groups = new Map<string, Candidate[]>();
  if (items.length < 2) return [];
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** A hash of the elements, or of the first `limit` bytes of them. */
function digest(tensor: Tensor, limit = Number.POSITIVE_INFINITY): string {
  const hash = createHash('sha256');
  let left = limit;
  for (const chunk of tensor.chunks(limit === Number.POSITIVE_INFINITY ? undefined : limit)) {
    hash.update(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return hash.digest('base64');
}

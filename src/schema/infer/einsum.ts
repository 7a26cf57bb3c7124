import type { Dim } from '../../ir/type.ts';
import { broadcast, broadcastDim } from './dims.ts';
import { Contradiction, type Shape, tensor } from './fact.ts';
import type { OpContext, OperatorInference, OperatorTable } from './op-context.ts';

/** One operand of an equation: labels before and after the dimensions that an ellipsis stands for. */
interface Term {
  readonly labels: readonly string[];
  /** How many labels stand in front of the ellipsis; -1 without one. */
  readonly ellipsis: number;
}

function parseTerm(text: string): Term {
  const at = text.indexOf('...');
  const labels = (at === -1 ? text : text.slice(0, at) + text.slice(at + 3)).split('');
  if (labels.some((label) => !/^[A-Za-z]$/.test(label))) throw new Contradiction('the equation cannot be read');
  return { labels, ellipsis: at };
}

const einsum: OperatorInference = (op) => {
  const [left = '', right, ...more] = op.string('equation', '').replaceAll(/\s/g, '').split('->');
  if (more.length > 0) throw new Contradiction('the equation has two arrows');
  const terms = left.split(',').map(parseTerm);
  if (terms.length !== op.inputCount) throw new Contradiction(`${terms.length} terms for ${op.inputCount} inputs`);
  const result = right === undefined ? implicitResult(terms) : parseTerm(right);
  const shape = resultShape(op, terms, result);
  return [tensor(op.elem(0), shape)];
};

/** Without an arrow: the broadcast dimensions, then the labels that occur once, in order. */
function implicitResult(terms: readonly Term[]): Term {
  const all = terms.flatMap(({ labels }) => labels);
  const counts = new Map<string, number>();
  for (const label of all) counts.set(label, (counts.get(label) ?? 0) + 1);
  const labels = [...counts].filter(([, count]) => count === 1).map(([label]) => label);
  return { labels: labels.toSorted(), ellipsis: terms.some(({ ellipsis }) => ellipsis !== -1) ? 0 : -1 };
}

function resultShape(op: OpContext, terms: readonly Term[], result: Term): Shape | undefined {
  const sizes = new Map<string, Dim>();
  let middle: Shape | undefined = [];
  for (const [i, { labels, ellipsis }] of terms.entries()) {
    const shape = op.shape(i);
    if (shape === undefined) {
      if (ellipsis !== -1) middle = undefined;
      for (const label of labels) sizes.set(label, sizes.get(label));
      continue;
    }
    const extra = shape.length - labels.length;
    if (extra < 0 || (ellipsis === -1 && extra > 0)) throw new Contradiction(`term ${i} does not fit its input`);
    if (ellipsis !== -1) middle = broadcast(middle, shape.slice(ellipsis, ellipsis + extra));
    for (const [at, label] of labels.entries()) {
      const dim = shape[ellipsis === -1 || at < ellipsis ? at : at + extra];
      sizes.set(label, sizes.has(label) ? broadcastDim(sizes.get(label), dim) : dim);
    }
  }
  const dims = result.labels.map((label): Dim => {
    if (!sizes.has(label)) throw new Contradiction(`label '${label}' of the result is in no term`);
    return sizes.get(label);
  });
  if (result.ellipsis === -1) return dims;
  return middle === undefined
    ? undefined
    : [...dims.slice(0, result.ellipsis), ...middle, ...dims.slice(result.ellipsis)];
}

/** Einstein summation. */
export const EINSUM: OperatorTable = new Map<string, OperatorInference>([['Einsum', einsum]]);

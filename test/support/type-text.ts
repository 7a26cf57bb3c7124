/** How one statement about a type, as text, relates to another one. */
export type Relation = 'equal' | 'more' | 'less' | 'other' | 'differs';

const TENSOR = /^(sparse )?([a-z0-9_]+|\?|type 0)(?:\[(.*)\])?$/;

/**
 * Compares a type with a reference: `more` and `less` when one knows what the other does not, `other` when both know
 * something that the other does not, or call an extent by different names; `differs` when both cannot be true.
 */
export function compareTypes(ours: string, reference: string): Relation {
  if (ours === reference) return 'equal';
  if (reference === 'unknown') return 'more';
  if (ours === 'unknown') return 'less';
  const [a, b] = [nested(ours), nested(reference)];
  if (a !== undefined && b !== undefined && a.kind === b.kind) return compareTypes(a.element, b.element);
  const [left, right] = [TENSOR.exec(ours), TENSOR.exec(reference)];
  if (left === null || right === null || left[1] !== right[1]) return 'differs';
  return compareTensors(left, right);
}

function nested(text: string): { kind: string; element: string } | undefined {
  const match = /^(sequence|optional)\((.*)\)$/.exec(text);
  return match === null ? undefined : { kind: match[1] as string, element: match[2] as string };
}

function compareTensors(left: RegExpExecArray, right: RegExpExecArray): Relation {
  const parts: Relation[] = [compareParts(known(left[2]), known(right[2]))];
  const [a, b] = [left[3]?.split(','), right[3]?.split(',')];
  if (a === undefined || b === undefined) {
    parts.push(a === b ? 'equal' : a === undefined ? 'less' : 'more');
  } else if (left[3] === '' || right[3] === '' || a.length !== b.length) {
    parts.push(left[3] === right[3] ? 'equal' : 'differs');
  } else {
    for (const [i, dim] of a.entries()) parts.push(compareParts(known(dim), known(b[i])));
  }
  return combine(parts);
}

function known(text: string | undefined): string | undefined {
  return text === '?' || text === 'type 0' || text === '' ? undefined : text;
}

function compareParts(a: string | undefined, b: string | undefined): Relation {
  if (a === b) return 'equal';
  if (b === undefined) return 'more';
  if (a === undefined) return 'less';
  const [isNumber, isOtherNumber] = [isExtent(a), isExtent(b)];
  if (isNumber && isOtherNumber) return 'differs';
  if (isNumber) return 'more';
  if (isOtherNumber) return 'less';
  return /^s[0-9]+$/.test(a) && /^s[0-9]+$/.test(b) ? 'differs' : /^[a-z]+[0-9]/.test(a) ? 'differs' : 'other';
}

function isExtent(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

function combine(parts: readonly Relation[]): Relation {
  const kinds = new Set(parts.filter((part) => part !== 'equal'));
  if (kinds.size === 0) return 'equal';
  if (kinds.has('differs')) return 'differs';
  return kinds.size === 1 ? (kinds.values().next().value as Relation) : 'other';
}

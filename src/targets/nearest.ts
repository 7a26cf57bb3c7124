/**
 * The candidate whose spelling is nearest to `word`, for "did you mean" hints, or `undefined` when none is near.
 *
 * Near means: at most a third of the longer word's letters have to be changed. Case is ignored; among equally near
 * candidates the first wins, so the answer depends on nothing but the arguments.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance <= Math.max(wanted.length, candidate.length) / 3 && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Longer words are not typing errors, and the distance costs the product of both lengths. */
const MAX_LENGTH = 256;

/** Insertions, deletions, substitutions and swaps of neighbours, each counting one (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(substitution, swap, (previous[j] as number) + 1, (current[j - 1] as number) + 1));
    }
    [before, previous] = [previous, current];
  }
  return previous[b.length] as number;
}

import type { Difference, DifferenceKind, ModelDiff } from '../../report/diff.ts';
import { formatCount, plural } from '../numbers.ts';
import type { Output } from '../output.ts';

const MARKS = { added: '+', removed: '-', changed: '~' } as const;
const COLOURS = { added: 'green', removed: 'red', changed: 'yellow' } as const;

/** Prints what two models differ in, at most `limit` differences of each kind. */
export function printDiff({ same, counts, differences, uncompared }: ModelDiff, limit: number, output: Output): void {
  if (same) output.line('the models are the same');
  else {
    const rows = Object.entries(counts)
      .filter(([, { added, removed, changed }]) => added + removed + changed > 0)
      .map(([kind, { added, removed, changed }]) => [
        kind,
        formatCount(added),
        formatCount(removed),
        formatCount(changed),
      ]);
    output.table([['', 'added', 'removed', 'changed'], ...rows], { right: [1, 2, 3] });
  }
  for (const kind of Object.keys(counts) as DifferenceKind[]) {
    const found = differences.filter((each) => each.kind === kind);
    if (found.length === 0 || limit === 0) continue;
    output.line();
    for (const difference of found.slice(0, limit)) printDifference(difference, output);
    if (found.length > limit) {
      output.line(output.paint('dim', `and ${plural(found.length - limit, `further ${kind} difference`)} (--limit N)`));
    }
  }
  if (uncompared.length === 0) return;
  output.line();
  output.line(
    `${output.paint('yellow', 'note:')} contents of ${plural(uncompared.length, 'tensor')} were not compared`,
  );
  for (const { name, reason } of uncompared.slice(0, limit)) output.line(`  ${name}: ${reason}`);
}

function printDifference({ kind, change, scope, name, details }: Difference, output: Output): void {
  const mark = output.paint(COLOURS[change], MARKS[change]);
  const where = scope === '' || kind === 'scope' ? '' : ` in ${scope}`;
  const [first = '', ...rest] = details;
  // The standard operator set has no name in a file; ai.onnx is what it is called.
  const shown = kind === 'opset' && name === '' ? 'ai.onnx' : name;
  output.line(`${mark} ${kind} ${shown}${where}: ${first}`);
  for (const detail of rest) output.line(`    ${detail}`);
}

/** Lines of a text, freed of what terminals, editors and quoting add, and the cells of table rows. */

/** Longest line that is looked at, in characters; the widest table has some 120. */
const MAX_LINE = 4096;

/** Escape sequences of terminals: colours and other commands, window titles. Each alternative ends at the next escape. */
const ESCAPES =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u009b[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b\n]*(?:\u0007|\u001b\\)|\u001b[@-Z\\^_]/gu;

/** A line of the text. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without blanks and quote marks around it. */
  readonly text: string;
}

/** The lines of a text. Takes time in proportion to its length, whatever it holds. */
export function linesOf(text: string): Line[] {
  return text
    .replace(ESCAPES, '')
    .replaceAll('\u0000', '')
    .replace(/[\u00a0\u2000-\u200a\u202f\u3000]/gu, ' ')
    .split(/\r\n|\r|\n/u)
    .map((line, i) => ({ number: i + 1, text: unquote(line.slice(0, MAX_LINE)) }));
}

/** The cells of a table row, from the first bar on; undefined for a line that is none, and for rules. */
export function cellsOf(line: string): string[] | undefined {
  const bars = line.replace(/[│┃｜]/gu, '|');
  const start = bars.indexOf('|');
  if (start === -1) return undefined;
  const cells = bars
    .slice(start + 1)
    .split('|')
    .map((cell) => cell.trim());
  if (cells.length > 1 && cells.at(-1) === '') cells.pop();
  return isRule(bars) || cells.every(isRule) ? undefined : cells;
}

function unquote(line: string): string {
  return line.replace(/^[\s\ufeff#>"'`]+/u, '').trimEnd();
}

/** Lines between rows, with whatever corners they have; also rows without anything in them. */
function isRule(text: string): boolean {
  return /^[-+=|\s]*$/u.test(text) && !/^-$/u.test(text);
}

/** A row of a table of tab-separated columns. */
export interface TsvRow {
  readonly columns: readonly string[];
  /** Line that the row begins on, from 1. */
  readonly line: number;
  /** Whether the last column is in quotes that never end. */
  readonly isOpen: boolean;
}

/** What may follow next in a column. */
type State = 'start' | 'plain' | 'quoted' | 'after-quote';

/**
 * Reads tab-separated columns by the rules of Python's `csv` module: a column that begins with a quote is quoted; it may
 * hold tabs and line breaks, and two quotes for one. What follows its closing quote belongs to it as it is. Quotes
 * elsewhere are themselves. (Libraries differ from this in the columns that go on after the closing quote.)
 *
 * @param firstLine the number of the first line of `text`
 */
export function* readTsv(text: string, firstLine = 1): Generator<TsvRow> {
  let columns: string[] = [];
  let column = '';
  let state: State = 'start';
  let line = firstLine;
  let begin = firstLine;

  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const isBreak = character === '\n' || character === '\r';
    // A carriage return counts as a line together with the line feed after it.
    if (character === '\n' || (character === '\r' && text.charAt(at + 1) !== '\n')) line++;
    if (state === 'quoted') {
      if (character === '"') state = 'after-quote';
      else column += character;
    } else if (isBreak) {
      if (character === '\r' && text.charAt(at + 1) === '\n') continue;
      // A line with nothing on it is a row without columns.
      if (columns.length > 0 || state !== 'start') columns.push(column);
      yield { columns, line: begin, isOpen: false };
      columns = [];
      column = '';
      state = 'start';
      begin = line;
    } else if (character === '\t') {
      columns.push(column);
      column = '';
      state = 'start';
    } else if (character === '"' && state !== 'plain') {
      if (state === 'after-quote') column += character;
      state = 'quoted';
    } else {
      column += character;
      state = 'plain';
    }
  }
  if (columns.length > 0 || state !== 'start') {
    yield { columns: [...columns, column], line: begin, isOpen: state === 'quoted' };
  }
}

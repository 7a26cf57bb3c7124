import { styleText } from 'node:util';

/** A stream that a command prints to. */
type Channel = 'stdout' | 'stderr';

/** Colours that output uses; meaning never depends on them. */
export type Paint = 'red' | 'green' | 'yellow' | 'cyan' | 'bold' | 'dim';

/** How much to print, and in which form. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/**
 * Where commands print. Text and the JSON document exclude each other: `line` does nothing under `--json` and
 * `--quiet`. A reader that goes away (`| head`) ends the printing, not the job.
 */
export class Output {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly isVerbose: boolean;

  constructor({ json = false, quiet = false, verbose = false }: OutputOptions = {}) {
    this.isJson = json;
    this.isQuiet = quiet;
    this.isVerbose = verbose;
  }

  /** Prints a line of text on stdout. */
  line(text = ''): void {
    if (!this.isJson && !this.isQuiet) write('stdout', `${text}\n`);
  }

  /** Prints the JSON document of a command on stdout; does nothing without `--json`. */
  document(value: unknown): void {
    if (this.isJson) write('stdout', `${JSON.stringify(value, undefined, 2)}\n`);
  }

  /** Prints text that was asked for as it is, such as help. */
  text(text: string): void {
    write('stdout', text);
  }

  /** Prints a line on stderr, whatever the options. */
  error(text: string): void {
    this.errorText(`${text}\n`);
  }

  /** Prints text on stderr as it is, whatever the options. */
  errorText(text: string): void {
    write('stderr', text);
  }

  /** Text in a colour where the stream is a terminal and `NO_COLOR` is not set. */
  paint(colour: Paint, text: string, channel: Channel = 'stdout'): string {
    return hasColour(channel) ? styleText(colour, text) : text;
  }

  /** Prints rows in columns; columns whose numbers are in `right` are aligned at their ends. */
  table(rows: readonly (readonly string[])[], { indent = 2, right = [] }: TableOptions = {}): void {
    for (const line of formatTable(rows, { indent, right })) this.line(line);
  }
}

/** How a table is laid out. */
export interface TableOptions {
  readonly indent?: number;
  /** Columns aligned at their ends. */
  readonly right?: readonly number[];
}

/** Rows as lines, with two spaces between columns. */
export function formatTable(
  rows: readonly (readonly string[])[],
  { indent = 2, right = [] }: TableOptions = {},
): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(0, ...rows.map((row) => width(row[i] ?? ''))));
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const room = ' '.repeat((widths[i] as number) - width(cell));
      return right.includes(i) ? room + cell : cell + room;
    });
    return `${' '.repeat(indent)}${cells.join('  ')}`.trimEnd();
  });
}

/** Characters that a terminal shows, escape sequences left out. */
function width(text: string): number {
  return Array.from(text.replaceAll(/\u001b\[[0-9;]*m/gu, '')).length;
}

function hasColour(channel: Channel): boolean {
  const { NO_COLOR: noColour, TERM: terminal } = process.env;
  return process[channel].isTTY && (noColour === undefined || noColour === '') && terminal !== 'dumb';
}

const gone = new Set<Channel>();
let guarded = false;

function write(channel: Channel, text: string): void {
  if (!guarded) {
    guarded = true;
    for (const each of ['stdout', 'stderr'] as const) {
      process[each].on('error', (error: NodeJS.ErrnoException) => {
        // Whoever read the output has left: there is nobody to tell, and the job itself is not affected. A full disk
        // under redirected output is a failure.
        gone.add(each);
        if (error.code !== 'EPIPE') process.exitCode = 1;
      });
    }
  }
  if (!gone.has(channel)) process[channel].write(text);
}

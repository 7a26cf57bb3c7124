import { COMMON_FLAGS, type Command, type FlagSpec } from './command.ts';
import { COMMANDS } from './commands.ts';
import { formatTable } from './output.ts';

/** Columns of help, and of its flags. */
const LINE_WIDTH = 100;
const FLAG_WIDTH = 30;

/** What `sdgraph --help` prints. */
export function programHelp(): string {
  const rows = [...COMMANDS].map(([name, { summary }]) => [name, summary]);
  return [
    'usage: sdgraph <command> [flags]',
    '',
    'Rewrites ONNX graphs of Stable Diffusion for Huawei Ascend NPUs.',
    '',
    'commands:',
    ...formatTable(rows),
    '',
    'sdgraph <command> --help shows the flags of a command; sdgraph --version the version.',
    'Exit codes: 0 done, 1 the job failed (diff: the models differ), 2 wrong usage.',
    '',
  ].join('\n');
}

/** What `sdgraph COMMAND --help` prints. */
export function commandHelp({ name, summary, operands, flags, examples }: Command): string {
  const usage = ['usage: sdgraph', name, ...operands, '[flags]'].join(' ');
  return [
    usage,
    '',
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    '',
    'flags:',
    ...flagLines(flags),
    ...flagLines(COMMON_FLAGS),
    ...(examples.length === 0 ? [] : ['', 'examples:', ...examples.flatMap(exampleLines)]),
    '',
  ].join('\n');
}

/** Flags with their descriptions beside them, or below where a flag takes the room. */
function flagLines(flags: Command['flags']): string[] {
  return Object.entries(flags).flatMap(([name, spec]) => {
    const head = `  ${formatFlag(name, spec)}`;
    const lines = wrap(describe(spec), LINE_WIDTH - FLAG_WIDTH).map((line) => ' '.repeat(FLAG_WIDTH) + line);
    if (head.length > FLAG_WIDTH - 2) return [head, ...lines];
    return lines.map((line, i) => (i === 0 ? head.padEnd(FLAG_WIDTH) + line.slice(FLAG_WIDTH) : line));
  });
}

/** Words on lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A flag as it is written: `--new-model FILE`. */
function formatFlag(name: string, { kind, value, choices }: FlagSpec): string {
  return kind === 'switch' ? `--${name}` : `--${name} ${choices?.join('|') ?? value ?? 'VALUE'}`;
}

function describe({ describe: text, default: fallback, aliases = [] }: FlagSpec): string {
  const facts = [
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
    ...(aliases.length === 0 ? [] : [`also ${aliases.map(spell).join(', ')}`]),
  ];
  return facts.length === 0 ? text : `${text} [${facts.join('; ')}]`;
}

/** Spellings of one or two letters are upstream's, with one dash. */
function spell(alias: string): string {
  return `${alias.length <= 2 ? '-' : '--'}${alias}`;
}

function exampleLines([line, meaning]: readonly [string, string]): string[] {
  return [`  ${line}`, `      ${meaning}`];
}

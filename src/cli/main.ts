import { printable } from '../errors.ts';
import { nearest } from '../targets/nearest.ts';
import { COMMANDS } from './commands.ts';
import { EXIT, reportError, usageError } from './errors.ts';
import { Output } from './output.ts';

/** Runs a command line (without the program's own name) and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const at = argv.findIndex((arg) => !arg.startsWith('-'));
  const name = at === -1 ? undefined : argv[at];
  const rest = argv.filter((_, i) => i !== at);
  if (name === undefined) return program(argv);
  if (name === 'help')
    return rest.some((arg) => !arg.startsWith('-')) ? main([...rest, '--help']) : program(['--help']);
  // Errors in the command line itself are reported in the form that it asks for, as far as it can be read.
  const asked = { json: rest.includes('--json'), quiet: rest.includes('--quiet'), verbose: rest.includes('--verbose') };
  let output = new Output(asked);
  try {
    const entry = COMMANDS.get(name);
    if (entry === undefined) throw unknownCommand(name);
    const command = await entry.load();
    const { parseCommandLine } = await import('./parse.ts');
    const { common, ...input } = parseCommandLine(command, rest);
    if (common.help) {
      const { commandHelp } = await import('./help.ts');
      new Output().text(commandHelp(command));
      return EXIT.done;
    }
    output = new Output(common);
    return await command.run(input, output);
  } catch (error) {
    return reportError(error, output);
  }
}

/** `sdgraph`, `sdgraph --help`, `sdgraph --version`: nothing of the library is loaded for these. */
async function program(argv: readonly string[]): Promise<number> {
  const output = new Output();
  const known = new Set(['--help', '-h', '--version']);
  const unknown = argv.find((arg) => !known.has(arg));
  if (unknown !== undefined) return reportError(unknownProgramFlag(unknown, known), output);
  if (argv.includes('--version') && !argv.includes('--help')) {
    const { packageVersion } = await import('./version.ts');
    output.line(packageVersion());
    return EXIT.done;
  }
  const { programHelp } = await import('./help.ts');
  if (argv.length > 0) {
    output.text(programHelp());
    return EXIT.done;
  }
  output.errorText(programHelp());
  return EXIT.usage;
}

function unknownProgramFlag(written: string, known: Iterable<string>): Error {
  const near = nearest(written, known);
  return usageError(`unknown flag '${printable(written)}', and no command`, {
    hint: near === undefined ? 'flags come behind a command; see sdgraph --help' : `did you mean '${near}'?`,
  });
}

function unknownCommand(name: string): Error {
  const near = nearest(name, COMMANDS.keys());
  return usageError(`there is no command '${printable(name)}'`, {
    expected: `one of ${[...COMMANDS.keys()].join(', ')}`,
    hint: near === undefined ? 'see sdgraph --help' : `did you mean '${near}'?`,
  });
}

const code = await main(process.argv.slice(2));
// Printing may have failed in the meantime.
process.exitCode = code === 0 ? (process.exitCode ?? 0) : code;

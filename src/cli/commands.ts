import type { Command, CommandEntry } from './command.ts';

/** The commands in the order in which help lists them. */
export const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    'export',
    {
      summary: 'write the ONNX models of a Stable Diffusion checkpoint, without PyTorch',
      load: async () => erase((await import('./commands/export.ts')).exportCommand),
    },
  ],
  [
    'new-tiny',
    {
      summary: 'make up a small checkpoint, to try every step without a download',
      load: async () => erase((await import('./commands/new-tiny.ts')).newTiny),
    },
  ],
  [
    'optimize',
    {
      summary: 'rewrite a UNet for an Ascend NPU, as upstream does or with passes of your choice',
      load: async () => erase((await import('./commands/optimize.ts')).optimize),
    },
  ],
  [
    'inspect',
    {
      summary: 'show what a model holds: inputs, operators, weights, floating-point operations',
      load: async () => erase((await import('./commands/inspect.ts')).inspect),
    },
  ],
  [
    'diff',
    {
      summary: 'compare the structure and contents of two models',
      load: async () => erase((await import('./commands/diff.ts')).diff),
    },
  ],
  [
    'verify',
    {
      summary: 'run two models on the same inputs and compare every output',
      load: async () => erase((await import('./commands/verify.ts')).verify),
    },
  ],
  [
    'validate',
    {
      summary: 'check models against the rules of ONNX, of a target and of your own, for CI',
      load: async () => erase((await import('./commands/validate.ts')).validate),
    },
  ],
  [
    'soc',
    {
      summary: 'find out which chip this machine has, and its soc_version',
      load: async () => erase((await import('./commands/soc.ts')).soc),
    },
  ],
  [
    'plan',
    {
      summary: 'plan how ATC compiles the models for a chip, and check that it can',
      load: async () => erase((await import('./commands/plan.ts')).plan),
    },
  ],
  [
    'compile',
    {
      summary: 'compile the models for a chip with ATC, and check what it writes',
      load: async () => erase((await import('./commands/compile.ts')).compile),
    },
  ],
  [
    'run',
    {
      summary: 'render prompts to images with the models of a folder, on NPUs or on the CPU',
      load: async () => erase((await import('./commands/run.ts')).run),
    },
  ],
  [
    'compare',
    {
      summary: 'run a compiled model and its .onnx on the same inputs and compare every output',
      load: async () => erase((await import('./commands/compare.ts')).compare),
    },
  ],
  [
    'bench',
    {
      summary: 'measure how long a model takes to load and to run, here or on an NPU',
      load: async () => erase((await import('./commands/bench.ts')).bench),
    },
  ],
  [
    'passes',
    {
      summary: 'list the rewrite passes and their options',
      load: async () => erase((await import('./commands/passes.ts')).passes),
    },
  ],
]);

/** Forgets the types of a command's flags; the parser that fills them in works from the same specification. */
function erase(command: unknown): Command {
  return command as Command;
}

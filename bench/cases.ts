import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.ts';
import { exportRows } from './export.ts';
import { writeChain, writeFullUnet } from './files.ts';
import { hostOverhead } from './host.ts';
import type { Cost } from './job.ts';
import { median } from './measure.ts';
import { type Budget, memoryBudget, type Row, timeBudget, writtenBudget } from './row.ts';

const GB = 1e9;
const CLI = fileURLToPath(new URL('bin/sdgraph.js', import.meta.resolve('sdgraph/package.json')));

/** Cases that share files. */
export interface CaseGroup {
  readonly name: string;
  measure(bench: Bench): Promise<readonly Row[] | undefined>;
}

/** Everything that `npm run bench` measures. */
export const CASES: readonly CaseGroup[] = [
  { name: 'sd15-full', measure: fullUnet },
  { name: 'inline', measure: inlineWeights },
  { name: 'chain', measure: chains },
  { name: 'analysis', measure: analysis },
  { name: 'export', measure: exportRows },
  { name: 'host', measure: hostOverhead },
  { name: 'cli', measure: cliStart },
];

/** The whole recipe over the UNet of Stable Diffusion 1.5 with 9.3 GB beside it. */
function fullUnet(bench: Bench): Promise<readonly Row[] | undefined> {
  return bench.inFolder('sd15-full', bench.quick ? GB : 16 * GB, async (folder) => {
    const unet = writeFullUnet(folder, bench.quick ? 0 : 2 * GB);
    const elsewhere = join(folder, 'elsewhere');
    const rewrite = { kind: 'rewrite', recipe: 'modify-onnx', input: unet.model } as const;
    const beside = bench.compare(
      {
        zeros: { kind: 'read', input: unet.weights, ranges: [unet.zeros] },
        beside: { ...rewrite, output: join(folder, 'unet_md.onnx') },
      },
      [unet.model, unet.weights],
      elsewhere,
    );
    const rows: Row[] = [
      {
        name: 'SD 1.5 UNet, recipe, saved beside its weights',
        cost: beside.beside,
        baseline: { name: 'read the zeros', cost: beside.zeros },
        budgets: [
          memoryBudget(beside.beside),
          timeBudget(beside.beside, beside.zeros, 1.3, 1000),
          writtenBudget(beside.beside),
        ],
      },
    ];
    if (bench.quick) return rows;
    const moved = bench.compare(
      {
        copy: { kind: 'copy', input: unet.weights, ranges: [unet.initializers], output: join(elsewhere, 'copy.bin') },
        elsewhere: { ...rewrite, output: join(elsewhere, 'unet_md.onnx') },
      },
      [unet.model, unet.weights],
      elsewhere,
    );
    const python = bench.python(unet.model, elsewhere, { external: unet.weights, memory: 14 * 2 ** 30 });
    rows.push({
      name: 'SD 1.5 UNet, recipe, saved to another folder',
      cost: moved.elsewhere,
      baseline: { name: 'copy the weights', cost: moved.copy },
      budgets: [memoryBudget(moved.elsewhere)],
      python,
    });
    return rows;
  });
}

/** Weights inside the model file, all of which are copied. */
function inlineWeights(bench: Bench): Promise<readonly Row[] | undefined> {
  const size = bench.quick ? 0.2 * GB : 1.7 * GB;
  return bench.inFolder('inline', 3 * size, async (folder) => {
    const input = join(folder, 'inline.onnx');
    const out = join(folder, 'out');
    const matrix = 4 * 2048 ** 2;
    await writeChain(input, 10 * Math.floor(size / matrix), matrix);
    const { size: end } = statSync(input);
    const costs = bench.compare(
      {
        copy: { kind: 'copy', input, ranges: [{ start: 0, end }], output: join(out, 'copy.onnx') },
        rewrite: { kind: 'rewrite', recipe: 'structure', input, output: join(out, 'out.onnx') },
      },
      [input],
      out,
    );
    return [
      {
        name: `${(end / GB).toFixed(1)} GB of weights inside the model`,
        cost: costs.rewrite,
        baseline: { name: 'copy the file', cost: costs.copy },
        budgets: [memoryBudget(costs.rewrite), timeBudget(costs.rewrite, costs.copy, 1.5)],
        python: bench.python(input, out, { memory: 4 * end }),
      },
    ];
  });
}

/** Graphs of growing length: time must grow with them, and not faster. */
function chains(bench: Bench): Promise<readonly Row[] | undefined> {
  const [short, long] = bench.quick ? [2_000, 20_000] : [10_000, 100_000];
  return bench.inFolder('chain', GB, async (folder) => {
    const files = { short: join(folder, 'short.onnx'), long: join(folder, 'long.onnx') };
    await writeChain(files.short, short);
    await writeChain(files.long, long);
    const out = join(folder, 'out');
    const rewrite = { kind: 'rewrite', recipe: 'everything', output: join(out, 'out.onnx') } as const;
    const costs = bench.compare(
      { short: { ...rewrite, input: files.short }, long: { ...rewrite, input: files.long } },
      Object.values(files),
      out,
    );
    const python = (input: string): Cost | string => bench.python(input, out, { memory: 2 ** 31 });
    return [
      { name: `${short} nodes, all general passes`, cost: costs.short, budgets: [], python: python(files.short) },
      {
        name: `${long} nodes, all general passes`,
        cost: costs.long,
        baseline: { name: `${short} nodes`, cost: costs.short },
        budgets: [timeBudget(costs.long, costs.short, 12)],
        python: python(files.long),
      },
    ];
  });
}

/** What the gate in front of hardware costs on the full-size UNet. */
function analysis(bench: Bench): Promise<readonly Row[] | undefined> {
  return bench.inFolder('analysis', GB, async (folder) => {
    const { model: input } = writeFullUnet(folder, 0);
    const jobs = {
      infer: { kind: 'analyze', what: 'infer', input },
      check: { kind: 'analyze', what: 'check', input },
    } as const;
    const costs = bench.compare(jobs, [input], join(folder, 'out'));
    const names = { infer: 'shape inference', check: 'check' } as const;
    return (['infer', 'check'] as const).map((what) => {
      const python = bench.pythonAnalysis(input, what);
      return {
        name: `SD 1.5 UNet, open and ${names[what]}`,
        cost: costs[what],
        ...(python === undefined ? {} : { baseline: { name: `Python onnx ${names[what]}`, cost: python } }),
        budgets: [memoryBudget(costs[what])],
      };
    });
  });
}

/** How long a user waits for the first line. */
async function cliStart(bench: Bench): Promise<readonly Row[]> {
  const times = { help: [] as number[], bare: [] as number[] };
  for (let run = -1; run < 2 * bench.runs; run++) {
    const bare = wall(['-e', '0']);
    const help = wall([CLI, '--help']);
    if (run < 0) continue;
    times.bare.push(bare);
    times.help.push(help);
  }
  const cost = cliCost(median(times.help));
  const budgets: Budget[] = [{ text: '< 200 ms', kept: cost.milliseconds < 200 }];
  return [
    {
      name: 'sdgraph --help',
      cost,
      baseline: { name: 'an empty program', cost: { ...cost, milliseconds: median(times.bare) } },
      budgets,
    },
  ];
}

function wall(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - started;
}

/** The memory of `sdgraph --help`, told by a hook that would slow the timed runs down. */
function cliCost(milliseconds: number): Cost {
  const tell = "process.on('exit', () => process.stderr.write(`${process.resourceUsage().maxRSS}\\n`))";
  const hook = `data:text/javascript,${encodeURIComponent(tell)}`;
  const { stderr } = spawnSync(process.execPath, ['--import', hook, CLI, '--help'], { encoding: 'utf8' });
  const rss = Number(stderr.trim().split('\n').at(-1)) * 1024;
  return { milliseconds, rss, read: undefined, written: undefined, parts: {} };
}

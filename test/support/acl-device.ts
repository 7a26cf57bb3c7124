import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { expect } from 'vitest';
import { compiler } from '../../fixtures/ascend-sim/acl/build.mjs';
import { saveModel } from '../../src/io/save.ts';
import { Attribute } from '../../src/ir/attribute.ts';
import { DataType } from '../../src/ir/data-type.ts';
import type { Model } from '../../src/ir/model.ts';
import { shutdownAcl } from '../../src/runtime/acl/devices.ts';
import type { SessionTensor } from '../../src/runtime/session.ts';
import { simulatedAscendCl } from './ascendcl.ts';
import { SIMULATION } from './atc-models.ts';
import { buildModel } from './model-builder.ts';

/** What the simulated AscendCL knows about how it was used. */
export interface Ledger {
  readonly initialised: boolean;
  readonly finalised: boolean;
  /** What is there and has to be given back: memory, streams, models, … */
  readonly leaks: number;
  readonly live: Readonly<Record<string, number>>;
  readonly devices: readonly { readonly id: number; readonly executions: number; readonly hostAllocations: number }[];
  /** How often each function was called. */
  readonly calls: Readonly<Record<string, number>>;
  /** What a real library would have taken, with a result that nobody knows. */
  readonly violations: readonly { readonly function: string; readonly text: string }[];
}

const built = simulatedAscendCl();

/** Why there is no simulated AscendCL; undefined where there is one. */
export const missing: string | undefined = 'reason' in built ? built.reason : undefined;

/** Path of the simulated library. */
export const library: string = 'library' in built ? built.library : '';

const native = library === '' ? undefined : koffi.load(library);
const simSet = native?.func('sim_set', 'void', ['str', 'str']) as
  | ((name: string, value: string | null) => void)
  | undefined;
const simLedger = native?.func('sim_ledger', 'str', []) as (() => string) | undefined;
const simReset = native?.func('sim_reset', 'void', []) as (() => void) | undefined;

/** Sets a variable of the simulation, `SDGRAPH_SIM_ACL_NAME`, for this process. */
export function simulate(name: string, value: string | null): void {
  simSet?.(`SDGRAPH_SIM_ACL_${name}`, value);
}

/** How the library was used until now. */
export function ledger(): Ledger {
  return JSON.parse(simLedger?.() ?? '{}') as Ledger;
}

/** A fresh library, without settings. Nothing may be open. */
export function resetDevice(): void {
  simReset?.();
}

/** Shuts the device down, which must leave nothing behind and must not have been misused, and takes a fresh one. */
export async function leaveNothing(): Promise<void> {
  await shutdownAcl();
  expect(ledger()).toMatchObject({ leaks: 0, violations: [] });
  resetDevice();
}

/** Compiles a model as ATC does. Returns the path of the OM. */
export async function compileModel(model: Model, folder: string, ...flags: string[]): Promise<string> {
  const onnx = join(folder, 'model.onnx');
  await saveModel(model, onnx);
  const output = join(folder, 'model');
  const given = [`--model=${onnx}`, `--output=${output}`, '--framework=5', ...flags];
  const soc = flags.some((flag) => flag.startsWith('--soc_version')) ? [] : ['--soc_version=Ascend310P3'];
  execFileSync(join(SIMULATION, 'atc'), [...given, ...soc], {
    stdio: 'pipe',
    env: { ...process.env, ASCEND_TOOLKIT_HOME: SIMULATION, ASCEND_HOME_PATH: SIMULATION },
  });
  // The name has the system in it where sizes are open.
  const om = readdirSync(folder).find((name) => name.endsWith('.om'));
  return join(folder, om ?? 'model.om');
}

/** A float32 tensor. */
export function floats(dims: readonly number[], values: Iterable<number>): SessionTensor {
  return { dataType: DataType.FLOAT, dims, data: Float32Array.from(values) };
}

/** Compiles a C source into a library in a folder. Returns its path. */
export function compileLibrary(folder: string, source: string, ...flags: string[]): string {
  const path = join(folder, 'libascendcl.so');
  const options = ['-x', 'c', '-shared', '-fPIC', '-o', path, '-', ...flags];
  execFileSync(compiler() ?? 'cc', options, { input: source, stdio: ['pipe', 'pipe', 'pipe'] });
  return path;
}

/** A model of two inputs, two outputs, two types: `y = 2x`, `z = t + 1`. */
export function twofold(): Model {
  return buildModel(13, (graph) => {
    const x = graph.input('x', [2, 3]);
    const t = graph.input('t', [1], DataType.INT32);
    graph.output(graph.op('Mul', [x, graph.scalar(2)], { name: 'scale', outputs: ['y'] }), [2, 3]);
    const one = graph.op('Cast', [graph.scalar(1)], { attributes: [Attribute.int('to', DataType.INT32)] });
    graph.output(graph.op('Add', [t, one], { name: 'next', outputs: ['z'] }), [1], DataType.INT32);
  });
}

/** What it is fed. */
export const TWOFOLD_FEEDS: readonly [SessionTensor, SessionTensor] = [
  floats([2, 3], [1, 2, 3, 4, 5, 6]),
  { dataType: DataType.INT32, dims: [1], data: Int32Array.of(41) },
];

/** `y = 2x` for an `x` of some shape. */
export function doubled(shape: readonly (number | string)[]): Model {
  return buildModel(13, (graph) => {
    const x = graph.input('x', shape);
    graph.output(graph.op('Mul', [x, graph.scalar(2)], { name: 'scale', outputs: ['y'] }), shape);
  });
}

/** 0, 1, 2, … in some shape. */
export function ramp(dims: readonly number[]): SessionTensor {
  const length = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length }, (_, i) => i),
  );
}

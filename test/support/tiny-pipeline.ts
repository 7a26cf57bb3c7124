import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Architecture, MODELS, torchExport } from './tiny-sd.ts';

/** Writes torch's exports of a miniature checkpoint into a folder, laid out as pipelines find them. Returns the folder. */
export function writeTinyModels(folder: string, architecture: Architecture): string {
  for (const model of MODELS) {
    mkdirSync(join(folder, model), { recursive: true });
    writeFileSync(join(folder, model, `${model}.onnx`), torchExport(architecture, model));
  }
  return folder;
}

/** Compares relative to the larger of 1 and the largest value wanted. */
export function expectNear(found: Float32Array, wanted: Float32Array, tolerance: number, what = ''): void {
  expect(found.length, what).toBe(wanted.length);
  const scale = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  // Not a number counts as infinitely far.
  const worst = wanted.reduce((a, b, i) => Math.max(a, orInfinity(Math.abs(b - (found[i] as number)))), 0);
  expect(worst / scale, what).toBeLessThanOrEqual(tolerance);
}

function orInfinity(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}

/** Bytes that differ by at most one level, and few of them. */
export function expectSamePixels(found: Uint8Array, wanted: Uint8Array, share: number): void {
  expect(found.length).toBe(wanted.length);
  const apart = Array.from(wanted, (level, i) => Math.abs(level - (found[i] as number)));
  expect(apart.reduce((a, b) => Math.max(a, b), 0)).toBeLessThanOrEqual(1);
  expect(apart.filter((difference) => difference > 0).length / apart.length).toBeLessThanOrEqual(share);
}

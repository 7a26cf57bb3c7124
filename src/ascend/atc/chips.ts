import type { ChipFamily } from './option-types.ts';

const FAMILIES: readonly (readonly [RegExp, ChipFamily])[] = [
  [/^Ascend310B\d*$/u, '310B'],
  [/^Ascend310P\d*$/u, '310P'],
  [/^Ascend310$/u, '310'],
  // Ascend910B alone is a part of the first generation; those with a number are A2.
  [/^Ascend910B\d/u, 'A2'],
  [/^Ascend910_(?:95|55)/u, '950'],
  [/^Ascend910_93/u, 'A3'],
  [/^Ascend950/u, '950'],
  [/^Ascend910/u, '910'],
];

/** The family of a chip by its `soc_version`. */
export function chipFamily(socVersion: string): ChipFamily {
  return FAMILIES.find(([pattern]) => pattern.test(socVersion))?.[1] ?? 'other';
}

/** Whether a chip can run a model: its plugin operators, and the operator set that ATC reads. */

import type { Model } from '../../ir/model.ts';
import { schemaFor } from '../../schema/operators.ts';
import { checkTarget } from '../../targets/check.ts';
import { loadTarget, type Target, targetNames } from '../../targets/index.ts';
import { chipFamily } from './chips.ts';
import { type OptionProblem, optionError, optionWarning } from './option-context.ts';

/** Operator sets that ATC reads. */
const OPSETS = { min: 11, max: 18 } as const;
/** Operator sets that toolkits before CANN 7 read for certain. */
const OLD_OPSET = 15;

/** Findings of one kind that are told apart; a UNet has the same one thirty times. */
const MAX_FINDINGS = 20;

/** What the chip makes of a model. */
export interface ChipVerdict {
  readonly problems: readonly OptionProblem[];
  /** The profile that fits best; undefined when the model has no plugin operators or no profile is of that chip. */
  readonly target: Target | undefined;
}

/**
 * Checks a model against the profiles of a chip.
 *
 * @param profile the one to check against; without it that profile of the chip which fits best
 */
export function checkChip(model: Model, socVersion: string, profile?: Target): ChipVerdict {
  const problems = checkOpset(model.opset());
  const operators = addedOperators(model);
  if (operators.length === 0) return { problems, target: undefined };
  const candidates =
    profile === undefined
      ? targetNames()
          .map(loadTarget)
          .filter(({ soc }) => soc.some(({ versions }) => versions.includes(socVersion)))
      : [profile];
  if (candidates.length === 0) {
    const message = `no operators of Ascend software are known for ${socVersion}, and the model has ${operators.join(', ')}`;
    const hint = 'compile the model as it was before it was optimized for a chip, or name a profile with --target';
    return {
      problems: [...problems, optionError('plugin-operator', message, { atc: 'E16002', hint })],
      target: undefined,
    };
  }
  if (profile !== undefined) problems.push(...checkProfile(profile, socVersion));
  const verdicts = candidates.map((target) => ({ target, problems: findingsOf(model, target) }));
  const fewest = Math.min(...verdicts.map(errorsIn));
  const best = verdicts.find((verdict) => errorsIn(verdict) === fewest);
  return { problems: [...problems, ...(best?.problems ?? [])], target: best?.target };
}

/** A profile that the user names may be older than the chip, but not of another family. */
function checkProfile({ name, soc }: Target, socVersion: string): OptionProblem[] {
  const versions = soc.flatMap((each) => each.versions);
  if (versions.includes(socVersion)) return [];
  const message = `${name} is a profile of ${versions.join(', ')}, not of ${socVersion}`;
  const hint = `name a profile of the chip with --target, or one of your own that lists it`;
  const isSameFamily = versions.some((version) => chipFamily(version) === chipFamily(socVersion));
  return [isSameFamily ? optionWarning('other-chip', message, { hint }) : optionError('other-chip', message, { hint })];
}

function errorsIn({ problems }: { readonly problems: readonly OptionProblem[] }): number {
  return problems.filter(({ severity }) => severity === 'error').length;
}

function checkOpset(opset: number | undefined): OptionProblem[] {
  if (opset === undefined) return [];
  if (opset < OPSETS.min || opset > OPSETS.max) {
    const message = `the model has operator set ${opset}, and ATC reads ${OPSETS.min} to ${OPSETS.max}`;
    return [optionError('opset', message, { atc: 'E16002', hint: 'export the model with opset 11' })];
  }
  if (opset <= OLD_OPSET) return [];
  return [optionWarning('opset', `the model has operator set ${opset}, which toolkits of 2023 and before do not read`)];
}

/** Operators that are no part of the graph engine itself, which quantization is. */
function addedOperators(model: Model): string[] {
  const found = new Set<string>();
  for (const graph of model.scopes()) {
    for (const { opType, isStandardDomain } of graph.nodes) {
      if (!isStandardDomain || QUANTIZATION.has(opType)) continue;
      if (schemaFor(opType, '', Number.POSITIVE_INFINITY)?.plugin === true) found.add(opType);
    }
  }
  return [...found].toSorted();
}

const QUANTIZATION = new Set(['AscendQuant', 'AscendDequant', 'AscendAntiQuant']);

function findingsOf(model: Model, target: Target): OptionProblem[] {
  const seen = new Map<string, OptionProblem>();
  for (const { rule, severity, where, message, expected, found } of checkTarget(model, target)) {
    const facts =
      expected === undefined ? '' : ` (expected ${expected}${found === undefined ? '' : `, found ${found}`})`;
    const text = `${where.opType ?? where.path}: ${message}${facts}`;
    if (seen.has(text) || seen.size >= MAX_FINDINGS) continue;
    const hint = `checked against ${target.name}; another profile is chosen with --target`;
    seen.set(text, severity === 'error' ? optionError(rule, text, { hint }) : optionWarning(rule, text));
  }
  return [...seen.values()];
}

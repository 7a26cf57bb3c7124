/** How far our checker and `onnx.checker.check_model` agree, and why they do not where they do not. */
import { cases, readVerdicts } from './checker-corpus.mjs';

/**
 * A known reason for a disagreement. Ours refuses and Python accepts when `rules` names every rule that fired; Python
 * refuses and ours accepts when `category` fits what Python said.
 *
 * @typedef {object} Reason
 * @property {readonly string[]} [rules]
 * @property {RegExp} [category]
 * @property {string} why
 */

/** @type {readonly Reason[]} */
export const REASONS = [
  {
    rules: ['function-reference', 'attribute-value'],
    why: 'an attribute outside of a function refers to an attribute of one, which nothing can resolve',
  },
  { rules: ['function-call-count'], why: 'Python does not compare a call with the inputs and outputs of the function' },
  { rules: ['tensor-size'], why: 'Python takes a tensor that holds more elements than its dimensions say' },
  {
    rules: ['tensor-type'],
    why: 'Python takes an element type that does not exist as long as the bytes are in raw_data',
  },
  { rules: ['constant-value'], why: 'only full_check of Python sees that a Constant node needs exactly one value' },
  { rules: ['unknown-operator'], why: 'Python does not insist that an operator of a preview domain exists' },
  {
    rules: ['duplicate-output', 'undefined-name'],
    why: 'Python does not look at what the outputs of a function are',
  },
  {
    rules: ['shape-conflict', 'function-reference', 'attribute-value'],
    why: 'our inference looks at requirements of operators that the one of Python lets pass, and at attributes that refer to nothing',
  },
  {
    category: /^\[(?:Shape|Type)InferenceError\]/u,
    why: "Python's inference refuses what ours leaves unknown: a requirement of one operator that does not change a shape",
  },
];

/**
 * @typedef {object} Disagreement
 * @property {string} id
 * @property {boolean} full
 * @property {string | undefined} python why Python refuses
 * @property {readonly string[]} ours rules that fired with severity error, or the code of the error on opening
 * @property {string | undefined} why the known reason
 */

/**
 * @param {(bytes: Uint8Array, full: boolean) => Promise<readonly string[]>} check what keeps our checker from accepting
 * a model: rules or an error code; empty when it accepts
 * @returns {Promise<{ source: string, models: number, mutations: number, refused: number, disagreements: Disagreement[] }>}
 */
export async function compareCheckers(check) {
  const verdicts = readVerdicts();
  /** @type {Disagreement[]} */
  const disagreements = [];
  const counts = { models: 0, mutations: 0, refused: 0 };
  for (const { id, bytes, plain, full } of cases(verdicts)) {
    counts[id.includes(' ') ? 'mutations' : 'models']++;
    if (plain !== undefined || full !== undefined) counts.refused++;
    for (const isFull of [false, true]) {
      const python = isFull ? full : plain;
      const ours = await check(bytes, isFull);
      if ((python === undefined) === (ours.length === 0)) continue;
      disagreements.push({ id, full: isFull, python, ours, why: reasonFor(python, ours)?.why });
    }
  }
  return { source: verdicts.source, ...counts, disagreements };
}

/** @param {string | undefined} python @param {readonly string[]} ours */
function reasonFor(python, ours) {
  if (python !== undefined) return REASONS.find(({ category }) => category?.test(python));
  return REASONS.find(({ rules }) => rules !== undefined && ours.every((rule) => rules.includes(rule)));
}

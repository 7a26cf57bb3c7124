import type { Fields } from './fields.ts';
import type { NpuCard } from './report.ts';
import { isAbsent, readInteger } from './values.ts';

const CARD_KEYS: ReadonlySet<string> = new Set(['NPU ID', 'Product Name', 'Serial Number', 'Chip Count']);

/** Whether lines are a card of `npu-smi info -l` rather than an answer of `-t`, which has more to say about it. */
export function isCard(fields: Fields, isCounted: boolean): boolean {
  return (isCounted || fields.has('Chip Count')) && [...fields.keys()].every((key) => CARD_KEYS.has(key));
}

/** A card of `npu-smi info -l`; undefined where its number cannot be read. */
export function readCard(fields: Fields): NpuCard | undefined {
  const npu = readInteger(fields.get('NPU ID'));
  if (npu === null) return undefined;
  const product = fields.get('Product Name');
  return {
    npu,
    product_name: product === undefined || isAbsent(product) ? null : product,
    chip_count: readInteger(fields.get('Chip Count')),
  };
}

/** Whether a line says that no card is there. It is the answer of `-l` and `-m`, not a failure. */
export function saysNoCard(text: string): boolean {
  return /^There is no NPU card on this server\b/iu.test(text);
}

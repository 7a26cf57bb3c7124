import type { Node } from '../src/ir/node.ts';
import { Builder } from '../src/rewrite/builder.ts';
import { removeIfUnused, takePlace } from '../src/rewrite/edit.ts';
import { definePass } from '../src/rewrite/pass.ts';
import type { SiteLog } from '../src/rewrite/report.ts';
import {
  lowerFindMax,
  lowerFlashAttentionSoftmax,
  lowerFlashAttentionTik,
  lowerPromptFlashAttention,
  lowerSliceTransGeluMul,
  lowerUnpadFlashAttention,
} from './lower/attention.ts';
import { CannotLower, type Emulation, type Lower, type Lowering } from './lower/context.ts';
import { lowerAntiQuant, lowerDequant, lowerQuant, lowerWeightQuant } from './lower/quantize.ts';
import { lowerTomeMerge, lowerTomeUnmerge } from './lower/tome.ts';

/** Plugin operators, in both SDKs' spellings, and how each is lowered. */
const LOWERINGS: ReadonlyMap<string, Lower> = new Map([
  ['FlashAttentionTik', lowerFlashAttentionTik],
  ['UnpadFlashAttentionMix', lowerUnpadFlashAttention],
  ['PromptFlashAttention', lowerPromptFlashAttention],
  ['FlashAttentionSoftmaxFp32', lowerFlashAttentionSoftmax],
  ['FindMax', lowerFindMax],
  ['TomeMerged', lowerTomeMerge],
  ['TomeMerge', lowerTomeMerge],
  ['TomeUnmerged', lowerTomeUnmerge],
  ['TomeUnmerge', lowerTomeUnmerge],
  ['SliceTransGeluMul', lowerSliceTransGeluMul],
  ['AscendDequant', lowerDequant],
  ['AscendQuant', lowerQuant],
  ['AscendAntiQuant', lowerAntiQuant],
  ['AscendWeightQuant', lowerWeightQuant],
]);

/** Whether an operator exists only on Ascend devices and {@link lowerPluginOps} replaces it. */
export function isPluginOp(node: Node): boolean {
  return node.isStandardDomain && LOWERINGS.has(node.opType);
}

/**
 * Replaces every Ascend plugin operator by standard ones that compute the same (ascend-ops.md), in all scopes, so that
 * any runtime can execute a rewritten model. With `emulate: 'fp16'` the arithmetic is rounded to float16 where the
 * device kernels do it, which shows the error to expect there; it is an estimate, not a bit-exact model.
 *
 * Values keep their names. A node whose shapes are not known, or in a form that has no standard counterpart, is refused.
 */
export const lowerPluginOps = definePass<{ emulate: Emulation }>({
  name: 'lower-plugin-ops',
  summary: 'Replaces Ascend plugin operators by standard ones that compute the same',
  defaults: { emulate: 'none' },
  options: { emulate: 'none: exact float32; fp16: rounded where the device kernels round' },
  run(context, { emulate }) {
    const { model, report } = context;
    const inferred = context.shapes();
    const sites = [...model.scopes()].flatMap((graph) =>
      [...graph.nodes].filter(isPluginOp).map((node) => ({
        node,
        // Looked up before any edit: lowering one operator gives the next one a new value to read.
        inputDims: node.inputs.map((value) => inferred.dims(value)),
      })),
    );
    // Dequant first: it takes the Quant before it along, and what is left of those is lowered alone.
    const isDequant = ({ node }: Site): boolean => node.opType === 'AscendDequant';
    for (const site of [...sites.filter(isDequant), ...sites.filter((each) => !isDequant(each))]) {
      if (site.node.isAlive) lower(site, emulate, report);
    }
  },
});

/** A plugin operator, and the shapes of what it reads. */
type Site = Pick<Lowering, 'node' | 'inputDims'>;

function lower({ node, inputDims }: Site, emulate: Emulation, report: SiteLog): void {
  const lowering = LOWERINGS.get(node.opType) as Lower;
  const { graph } = node;
  const build = new Builder(node, `${node.name === '' ? node.opType : node.name}/`);
  try {
    graph.model.transaction(() => {
      const results = lowering({ node, build, inputDims, emulate });
      const { inputs } = node;
      for (const [index, value] of node.outputs.entries()) {
        const result = results[index];
        if (value === undefined) continue;
        if (result === undefined) throw new CannotLower(`output ${index} has no standard counterpart`);
        takePlace(value, result);
      }
      const read = [...inputs];
      graph.remove(node);
      removeIfUnused(read);
    });
    report.applied(node, `${node.opType} as standard operators${emulate === 'fp16' ? ' with float16 rounding' : ''}`);
  } catch (error) {
    if (!(error instanceof CannotLower)) throw error;
    report.refused(node, error.message);
  }
}

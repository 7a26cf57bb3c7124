import { SdgraphError } from '../errors.ts';
import { Model } from '../ir/model.ts';
import { newestOpset, onnxReleases } from '../schema/operators.ts';

/** Before it, several operators had their numbers as attributes that are inputs since. */
const OLDEST_OPSET = 11;

/** What {@link createModel} starts with. */
export interface NewModelOptions {
  /** Version of the standard operators, 11 or newer. */
  readonly opset: number;
  /** Other operator sets to import: versions by domain. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Name of the graph. Default `main`. */
  readonly name?: string;
  /** `producer_name`. Default `sdgraph`. */
  readonly producer?: string;
  /** By default the oldest with which the operator set was released: 6 for opset 11, 8 for 17, 10 for 21. */
  readonly irVersion?: number;
}

/**
 * An empty model: a graph without nodes, operator sets, and the IR version that fits them.
 *
 * @throws SdgraphError `E_AUTHOR` for an operator set that is older than 11 or newer than the newest that is known
 */
export function createModel({ opset, domains = {}, name = 'main', producer, irVersion }: NewModelOptions): Model {
  const newest = newestOpset() ?? OLDEST_OPSET;
  if (!Number.isInteger(opset) || opset < OLDEST_OPSET || opset > newest) {
    throw new SdgraphError(
      'E_AUTHOR',
      'graphs cannot be made for this operator set',
      {},
      {
        expected: `${OLDEST_OPSET} to ${newest}`,
        found: `${opset}`,
      },
    );
  }
  const model = new Model({
    irVersion: irVersion ?? irVersionOf(opset),
    producer: producer ?? 'sdgraph',
    graphName: name,
  });
  model.setOpset('', opset);
  for (const [domain, version] of Object.entries(domains)) {
    model.setOpset(domain, version);
  }
  return model;
}

function irVersionOf(opset: number): number {
  const releases = onnxReleases();
  return (releases.find(({ onnx }) => onnx >= opset) ?? releases.at(-1))?.ir ?? 0;
}

import type { Model } from '../ir/model.ts';
import type { Dim } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { elementsOf, isIntegral } from './infer/elements.ts';
import { Engine } from './infer/engine.ts';
import type { Fact } from './infer/fact.ts';
import { isTensor } from './infer/merge.ts';
import type { Inference, Int } from './inference.ts';

/**
 * Infers types, shapes and the contents of small integer tensors for every value of the main graph, its subgraphs and
 * local functions (what holds in all calls). Never throws for what a file says: operators that sdgraph does not know
 * and nodes that contradict themselves leave their outputs unknown, contradictions are listed in `conflicts`.
 */
export function inferShapes(model: Model): Inference {
  const engine = new Engine(model);
  engine.run();
  return new Snapshot(engine.facts, engine.conflicts());
}

class Snapshot implements Inference {
  readonly conflicts: Inference['conflicts'];
  readonly #facts: ReadonlyMap<Value, Fact>;

  constructor(facts: ReadonlyMap<Value, Fact>, conflicts: Inference['conflicts']) {
    this.#facts = facts;
    this.conflicts = conflicts;
  }

  type(value: Value | undefined): Fact['type'] {
    if (value === undefined) return undefined;
    const fact = this.#facts.get(value);
    return fact === undefined ? value.type : fact.type;
  }

  shape(value: Value | undefined): readonly Dim[] | undefined {
    const type = this.type(value);
    return isTensor(type) ? type.shape : undefined;
  }

  dims(value: Value | undefined): readonly number[] | undefined {
    const shape = this.shape(value);
    return shape?.every((dim) => typeof dim === 'number') ? shape : undefined;
  }

  ints(value: Value | undefined): readonly Int[] | undefined {
    const fact = value === undefined ? undefined : this.#facts.get(value);
    if (fact === undefined || !isTensor(fact.type) || !isIntegral(fact.type.elemType)) return undefined;
    return elementsOf(fact)?.map((each) => (typeof each === 'number' ? undefined : each));
  }
}

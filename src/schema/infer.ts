import type { Model } from '../ir/model.ts';
import type { Node } from '../ir/node.ts';
import type { Dim } from '../ir/type.ts';
import type { Value } from '../ir/value.ts';
import { elementsOf, isIntegral } from './infer/elements.ts';
import { Engine } from './infer/engine.ts';
import type { Fact } from './infer/fact.ts';
import { isTensor } from './infer/merge.ts';
import type { Conflict, Inference, Int } from './inference.ts';

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

/** Inference that keeps up with a model to whose main graph nodes are added. */
export interface GrowingInference extends Inference {
  /**
   * Infers a node of the main graph that reads nothing but what was inferred before, and gives what contradicts at its
   * outputs. Costs as much as this node alone.
   */
  append(node: Node): readonly Conflict[];
}

/** Infers types and shapes as {@link inferShapes} does, and goes on with nodes that are added later. */
export function inferWhileGrowing(model: Model): GrowingInference {
  const engine = new Engine(model);
  engine.run();
  return new Growing(engine);
}

class Snapshot implements Inference {
  readonly #facts: ReadonlyMap<Value, Fact>;
  readonly #conflicts: Inference['conflicts'];

  constructor(facts: ReadonlyMap<Value, Fact>, conflicts: Inference['conflicts'] = []) {
    this.#facts = facts;
    this.#conflicts = conflicts;
  }

  get conflicts(): Inference['conflicts'] {
    return this.#conflicts;
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

class Growing extends Snapshot implements GrowingInference {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    super(engine.facts);
    this.#engine = engine;
  }

  override get conflicts(): Inference['conflicts'] {
    return this.#engine.conflicts();
  }

  append(node: Node): readonly Conflict[] {
    return this.#engine.append(node);
  }
}

import type { Span } from '../wire/rope.ts';
import type { Graph } from './graph.ts';
import { GraphEdit, type InfoEntry, type Port } from './graph-parts.ts';
import { OrderedMap } from './ordered-map.ts';
import type { TensorType } from './type.ts';
import { Value } from './value.ts';
import type { ValueInfo } from './value-info.ts';

/** What a graph says of its values: which are its inputs and outputs, and the types it states for them and for others. */
export class Ports {
  readonly #graph: Graph;
  readonly #lists: Record<'inputs' | 'outputs', readonly Port[]> = { inputs: [], outputs: [] };
  readonly #values: Record<'inputs' | 'outputs', readonly Value[]> = { inputs: [], outputs: [] };
  /** Value infos; under their own field those of names that nothing defines, which are kept as they are. */
  readonly #infos = new OrderedMap<Value | Span, InfoEntry>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  get inputs(): readonly Port[] {
    return this.#lists.inputs;
  }

  get outputs(): readonly Port[] {
    return this.#lists.outputs;
  }

  get inputValues(): readonly Value[] {
    return this.#values.inputs;
  }

  get outputValues(): readonly Value[] {
    return this.#values.outputs;
  }

  /** Value infos in order; without a value those of names that nothing defines. */
  get infos(): readonly { readonly value: Value | undefined; readonly entry: InfoEntry }[] {
    return this.#infos.keys().map((key) => ({
      value: key instanceof Value ? key : undefined,
      entry: this.#infos.get(key) as InfoEntry,
    }));
  }

  hasInfo(value: Value): boolean {
    return this.#infos.has(value);
  }

  /** Replaces a list, as an edit. */
  edit(list: 'inputs' | 'outputs', ports: readonly Port[]): void {
    const old = this.#lists[list];
    const undo = this.#mark(GraphEdit[list]);
    this.put(list, ports);
    this.#graph.model.journal.record(() => {
      this.put(list, old);
      undo();
    });
  }

  /** Replaces a list. */
  put(list: 'inputs' | 'outputs', ports: readonly Port[]): void {
    const old = this.#lists[list];
    const count = list === 'inputs' ? 'inputCount' : 'outputCount';
    for (const { value } of old) value[count]--;
    for (const { value } of ports) value[count]++;
    this.#lists[list] = ports;
    this.#values[list] = ports.map(({ value }) => value);
    // Only ports that came or went can change what is said of a value: lists may be long and edited often.
    const kept = new Set(ports);
    const gone = old.filter((port) => !kept.delete(port));
    this.#tell([...gone, ...kept].map(({ value }) => value));
  }

  /** States the type of a value wherever the graph says something of it, else in a new value info; as an edit. */
  setInfo(value: Value, info: ValueInfo): void {
    const type = info.type as TensorType;
    let stated = false;
    for (const list of ['inputs', 'outputs'] as const) {
      if (!this.#isListed(list, value)) continue;
      stated = true;
      const typed = (port: Port): Port => (port.value === value ? { value, info: port.info.withType(type) } : port);
      this.edit(list, this.#lists[list].map(typed));
    }
    const listed = this.#infos.get(value);
    if (listed !== undefined || !stated) this.#editInfo(value, { info: (listed?.info ?? info).withType(type) });
  }

  #isListed(list: 'inputs' | 'outputs', value: Value): boolean {
    const mayBe = list === 'inputs' ? value.isGraphInput : value.isGraphOutput;
    return mayBe && this.#values[list].includes(value);
  }

  /** Forgets the value info of a value, as an edit. */
  dropInfo(value: Value): void {
    if (this.#infos.has(value)) this.#editInfo(value, undefined);
  }

  #editInfo(value: Value, entry: InfoEntry | undefined): void {
    const unmark = this.#mark(GraphEdit.infos);
    const undo = this.#infos.put(value, entry);
    this.#tell([value]);
    this.#graph.model.journal.record(() => {
      undo();
      this.#tell([value]);
      unmark();
    });
  }

  /** Notes an edit of the graph; returns the way back. */
  #mark(edit: number): () => void {
    const graph = this.#graph;
    const { edits } = graph;
    graph.edits |= edit;
    return () => {
      graph.edits = edits;
    };
  }

  /** Adds the value infos of the file, given what their names mean. */
  addInfos(
    entries: readonly { readonly value: Value | undefined; readonly info: ValueInfo; readonly field: Span }[],
  ): void {
    const told: Value[] = [];
    for (const { value, info, field } of entries) {
      const isStray = value === undefined || this.#infos.has(value);
      this.#infos.put(isStray ? field : value, { info, origin: { field, name: value?.name ?? '' } });
      if (!isStray) told.push(value);
    }
    this.#tell(told);
  }

  /** Tells values what is said of them: by graph inputs first, then by graph outputs, then by value info. */
  #tell(values: readonly Value[]): void {
    const ports = new Map<Value, ValueInfo>();
    const lists = [
      ...(values.some((value) => value.isGraphOutput) ? this.#lists.outputs : []),
      ...(values.some((value) => value.isGraphInput) ? this.#lists.inputs : []),
    ];
    for (const { value, info } of lists) ports.set(value, info);
    for (const value of values) {
      // A subgraph may list a value of the graph around it as output; its type is stated there.
      if (value.graph === this.#graph) value.setInfoRaw(ports.get(value) ?? this.#infos.get(value)?.info);
    }
  }
}

/** @internal Which fields of a node an edit reached, as bits. */
export const NodeEdit = { inputs: 1, outputs: 2, name: 4, opType: 8, attributes: 16 } as const;

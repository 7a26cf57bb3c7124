/** Thrown while a place is examined, before any edit: why it cannot be rewritten, for people. */
export class Refusal extends Error {}

import { SdgraphError } from '../../errors.ts';
import type { OmProblemId } from './rules.ts';

/** Something that is wrong with an OM file, as plain data. */
export interface OmProblem {
  /** A stable id; the rule of `sdgraph validate` is `om-` and this. */
  readonly id: OmProblemId;
  readonly message: string;
  /** Offset in the file. */
  readonly offset?: number;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** What is known about a problem beside its message. */
export type OmProblemFacts = Omit<OmProblem, 'id' | 'message'>;

/** Ends the reading of a file. Never leaves `readOm`: it becomes the `problem` of the report. */
export class OmRefusal extends Error {
  readonly problem: OmProblem;

  constructor(id: OmProblemId, message: string, facts: OmProblemFacts = {}) {
    super(message);
    this.problem = { id, message, ...facts };
  }
}

/**
 * The problem behind what was thrown while reading a part of a file: damaged protobuf becomes `id`. Anything that is
 * not about the content (a file that shrank, a disk that fails, a defect) is thrown on.
 */
export function problemOf(error: unknown, id: OmProblemId): OmProblem {
  if (error instanceof OmRefusal) return error.problem;
  if (!(error instanceof SdgraphError) || !error.code.startsWith('E_WIRE_')) throw error;
  const { reason, where, expected, found } = error;
  return {
    id,
    message: reason,
    ...(where.offset === undefined ? {} : { offset: where.offset }),
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
  };
}

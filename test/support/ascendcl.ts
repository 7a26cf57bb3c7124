import { cached } from '../../fixtures/ascend-sim/acl/build.mjs';

/** The simulated AscendCL, compiled. */
export interface SimulatedAscendCl {
  /** Path of `libascendcl.so`. */
  readonly library: string;
  /** The folder it is in, for `LD_LIBRARY_PATH`. */
  readonly folder: string;
}

/**
 * Compiles the simulated AscendCL of `fixtures/ascend-sim/acl`, unless that was done before.
 *
 * @returns the library, or why there is none: tests that need it are skipped with this reason
 */
export function simulatedAscendCl(): SimulatedAscendCl | { readonly reason: string } {
  return cached();
}

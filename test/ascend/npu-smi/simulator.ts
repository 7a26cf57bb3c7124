import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the simulated tools. */
export const SIMULATORS = join(import.meta.dirname, '../../../fixtures/ascend-sim');

/** What the simulated `npu-smi` answers: see `fixtures/ascend-sim/README.md`. */
export interface Simulated {
  readonly info: string;
  readonly board?: string;
  readonly map?: string;
  readonly list?: string;
  readonly log?: string;
  readonly escape?: boolean;
}

/** An environment in which `npu-smi` is the simulated one. It has nothing else but Node. */
export function simulated({ info, board, map, list, log, escape = false }: Simulated): Record<string, string> {
  return {
    PATH: `${SIMULATORS}:${dirname(process.execPath)}:/usr/bin:/bin`,
    SDGRAPH_SIM_NPU_SMI: info,
    ...(board === undefined ? {} : { SDGRAPH_SIM_NPU_SMI_BOARD: board }),
    ...(map === undefined ? {} : { SDGRAPH_SIM_NPU_SMI_MAP: map }),
    ...(list === undefined ? {} : { SDGRAPH_SIM_NPU_SMI_LIST: list }),
    ...(log === undefined ? {} : { SDGRAPH_SIM_LOG: log }),
    ...(escape ? { SDGRAPH_SIM_ESCAPE: '1' } : {}),
  };
}

/** Whether a process does anything; one that ended stays listed until somebody asks for its exit code. */
export function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

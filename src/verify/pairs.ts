import { printable, SdgraphError } from '../errors.ts';
import type { SessionPort } from '../runtime/session.ts';
import { agree, formatPort } from './ports.ts';

/** Inputs or outputs of two models that correspond: that of the reference, that of the candidate. */
export type PortPair = readonly [reference: SessionPort, candidate: SessionPort];

/** What corresponds, and how that was found out. */
export interface PortPairs {
  /** In the order of the reference. */
  readonly pairs: readonly PortPair[];
  /** Whether the names differ, so that the order decided. */
  readonly byPosition: boolean;
}

/**
 * Pairs inputs or outputs of two models: by name where both have the same names, else in order, for compilers rename.
 *
 * @param file the candidate, for errors
 * @throws SdgraphError `E_VERIFY` when their numbers differ, or shapes contradict each other
 */
export function pairPorts(
  kind: 'input' | 'output',
  reference: readonly SessionPort[],
  candidate: readonly SessionPort[],
  file: string,
): PortPairs {
  if (reference.length !== candidate.length) {
    throw new SdgraphError(
      'E_VERIFY',
      `the models have another number of ${kind}s`,
      { file },
      { expected: describe(reference), found: describe(candidate) },
    );
  }
  const byName = new Map(candidate.map((port) => [port.name, port]));
  const byPosition = reference.some(({ name }) => !byName.has(name));
  const pairs = reference.map((port, i): PortPair => {
    const other = (byPosition ? candidate[i] : byName.get(port.name)) as SessionPort;
    return [port, other];
  });
  for (const [wanted, found] of pairs) {
    if (agree(wanted.shape, found.shape)) continue;
    const details = { expected: formatPort(wanted), found: formatPort(found) };
    throw new SdgraphError(
      'E_VERIFY',
      `an ${kind} has another shape in the two models`,
      { file, name: found.name },
      details,
    );
  }
  return { pairs, byPosition };
}

function describe(ports: readonly SessionPort[]): string {
  return ports.length === 0
    ? 'none'
    : `${ports.length}: ${printable(ports.map((port) => `${port.name} ${formatPort(port)}`).join(', '))}`;
}

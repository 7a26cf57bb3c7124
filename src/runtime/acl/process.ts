import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type koffi from 'koffi';

/** The library that this process has initialised. There is one at most, and once it was finalised it may be the last. */
let initialised: string | undefined;
/** Devices whose threads died without giving them back. */
const abandoned = new Set<number>();
let isHooked = false;
/** How many threads may be calling the library. */
let threads = 0;

/** The library of this process, once it is initialised. */
export function initialisedLibrary(): string | undefined {
  return initialised;
}

/** Notes that the library was initialised: it is finalised when the process ends, if all devices are given back then. */
export function noteInitialised(file: string): void {
  initialised = file;
  // Whoever runs sdgraph on a thread of its own may use AscendCL elsewhere, too, so the end of that thread says nothing.
  if (isHooked || !isMainThread) return;
  isHooked = true;
  process.once('exit', () => {
    if (threads === 0) finaliseQuietly();
  });
}

/** Counts a thread that may call the library. @returns what counts it out again; twice does no harm */
export function enter(): () => void {
  let isIn = true;
  threads++;
  return () => {
    if (isIn) threads--;
    isIn = false;
  };
}

/** Notes that a thread died with a device in use. */
export function abandon(device: number): void {
  abandoned.add(device);
}

/** Whether a thread died with the device in use, told once: whoever asks gives the device back. */
export function takeAbandoned(device: number): boolean {
  return abandoned.delete(device);
}

/**
 * Finalises the library, after everything else. Native code runs on the calling thread.
 *
 * @returns what `aclFinalize` returned; 0 when there was nothing to finalise
 */
export function finalise(): number {
  if (initialised === undefined) return 0;
  const file = initialised;
  initialised = undefined;
  const library = (createRequire(import.meta.url)('koffi') as typeof koffi).load(file);
  const reset = library.func('aclrtResetDevice', 'int', ['int32']) as (device: number) => number;
  for (const device of abandoned) reset(device);
  abandoned.clear();
  const aclFinalize = library.func('aclFinalize', 'int', []) as () => number;
  return aclFinalize();
}

function finaliseQuietly(): void {
  try {
    finalise();
  } catch {
    // The process ends; the system takes back what is left.
  }
}

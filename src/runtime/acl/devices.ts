import { SdgraphError } from '../../errors.ts';
import { RuntimeThread } from '../thread.ts';
import { AclError, aclFailure } from './failure.ts';
import { type Environment, libraryCandidates } from './lookup.ts';
import { abandon, enter, finalise, initialisedLibrary, noteInitialised, takeAbandoned } from './process.ts';

/** How a device is asked for. */
export interface DeviceOptions {
  /** Number of the device, 0 to 255, as AscendCL counts. Default 0. */
  readonly device?: number;
  /**
   * Path of the AscendCL library. Default: `SDGRAPH_ASCENDCL`, else what the system's loader finds, else the installation
   * that `ASCEND_HOME_PATH` or `ASCEND_TOOLKIT_HOME` names, else the usual places.
   */
  readonly library?: string;
  /** Environment in which the library is looked for, in place of this process's. */
  readonly env?: Environment;
}

/** Largest number of a device. */
const MAX_DEVICE = 255;

/** Devices in use, by number. */
const devices = new Map<number, AclDevice>();
/** What is being done to a device: it is given back before it is used anew. */
const busy = new Map<number, Promise<unknown>>();

/** A device of this process, with the one thread that talks to it. All sessions of the device share it. */
export class AclDevice {
  readonly id: number;
  /** The chip, as the compiler calls it, if AscendCL says so. */
  readonly soc: string | undefined;
  readonly #thread: RuntimeThread;
  readonly #leave: () => void;
  #users = 0;

  /** @param leave called when the thread has ended as it should */
  constructor(id: number, thread: RuntimeThread, leave: () => void, soc: string | undefined) {
    this.id = id;
    this.soc = soc;
    this.#thread = thread;
    this.#leave = leave;
  }

  /** Whether the device is in use still: neither shut down nor lost with its thread. */
  get isOpen(): boolean {
    return devices.get(this.id) === this;
  }

  ask(question: object): Promise<unknown> {
    return this.#thread.ask(question);
  }

  /** Counts a session in. */
  take(): this {
    this.#users++;
    return this;
  }

  /**
   * Counts a session out. The last one gives the device back.
   *
   * @throws SdgraphError `E_ACL_DEVICE` when the device does not let go
   */
  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0 || !this.isOpen) return;
    devices.delete(this.id);
    await inTurn(this.id, () => this.end());
  }

  /** Ends the thread, giving the device back. */
  async end(): Promise<void> {
    try {
      await this.#thread.end({ kind: 'end' });
    } catch (error) {
      throw aclFailure(error, 'free', { name: placeOf(this.id) }, this.soc);
    } finally {
      this.#leave();
    }
  }
}

/**
 * A device, started if it is not in use yet. Whoever gets it releases it.
 *
 * @throws SdgraphError `E_ACL_LIBRARY` when the library is not there or cannot be used; `E_ACL_DEVICE` when there is no
 * such device, or it cannot be used; `E_ACL_MEMORY`
 */
export async function acquireDevice({ device: id = 0, library, env }: DeviceOptions): Promise<AclDevice> {
  if (!Number.isInteger(id) || id < 0 || id > MAX_DEVICE) {
    const details = { expected: `a whole number from 0 to ${MAX_DEVICE}`, found: String(id) };
    throw new SdgraphError('E_ACL_DEVICE', 'that is not the number of a device', {}, details);
  }
  return inTurn(id, async () => {
    const known = devices.get(id);
    if (known !== undefined) return known.take();
    const device = await start(id, candidates(library, env ?? process.env));
    devices.set(id, device);
    return device.take();
  });
}

/**
 * Gives all devices back and finalises AscendCL. Sessions that are open fail from now on. It happens by itself when the
 * process ends after all sessions were closed; older versions of AscendCL cannot be initialised again afterwards.
 *
 * @throws SdgraphError `E_ACL_DEVICE` when a device does not let go, or AscendCL cannot be finalised
 */
export async function shutdownAcl(): Promise<void> {
  const open = [...devices.values()];
  devices.clear();
  const ended = await Promise.allSettled(open.map((device) => inTurn(device.id, () => device.end())));
  await Promise.allSettled(busy.values());
  const code = finalise();
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason as Error;
  if (code === 0) return;
  const found = `${code} from aclFinalize`;
  const cause = new AclError({ function: 'aclFinalize', code, text: '' });
  throw new SdgraphError('E_ACL_DEVICE', 'AscendCL cannot be finalised', {}, { found, cause });
}

/** How errors call a device. */
function placeOf(device: number): string {
  return `device ${device}`;
}

/** One library serves a process: another one beside it would have a state of its own. */
function candidates(library: string | undefined, env: Environment): readonly string[] {
  const known = initialisedLibrary();
  return known === undefined ? libraryCandidates(library, env) : [known];
}

async function start(id: number, files: readonly string[]): Promise<AclDevice> {
  const leave = enter();
  // A thread that dies by itself leaves what it held to whoever uses the device next.
  const thread = new RuntimeThread(new URL('./thread/worker.js', import.meta.url), `sdgraph acl ${id}`, () => {
    devices.delete(id);
    abandon(id);
    leave();
  });
  try {
    const { file, soc } = (await thread.ask({ kind: 'library', candidates: files })) as { file: string; soc?: string };
    noteInitialised(file);
    await thread.ask({ kind: 'device', device: id, isAbandoned: takeAbandoned(id) });
    return new AclDevice(id, thread, leave, soc);
  } catch (error) {
    await thread.end({ kind: 'end' }).catch(() => undefined);
    leave();
    throw aclFailure(error, 'device', { name: placeOf(id) });
  }
}

/** Does one thing after the other to a device. */
async function inTurn<T>(id: number, action: () => Promise<T>): Promise<T> {
  const before = busy.get(id) ?? Promise.resolve();
  const turn = before.then(action, action);
  busy.set(id, turn);
  try {
    return await turn;
  } finally {
    if (busy.get(id) === turn) busy.delete(id);
  }
}

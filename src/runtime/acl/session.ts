import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { SdgraphError } from '../../errors.ts';
import { checkFeeds } from '../check-feeds.ts';
import type { InferenceSession, RunTimings, SessionFeeds, SessionPort, SessionTensor } from '../session.ts';
import { type AclDevice, acquireDevice, type DeviceOptions } from './devices.ts';
import { aclFailure } from './failure.ts';
import { chooseGear, type Gears } from './gears.ts';
import { type AclPort, sessionPorts, sourceNames } from './ports.ts';

/** How a compiled model is run on a device. */
export interface AclOptions extends DeviceOptions {
  /**
   * Longest time that the device may take for a run, in milliseconds; without limit if not given. Models of open shapes
   * have no limit, because the library offers none for them.
   */
  readonly timeoutMs?: number;
}

/** Longest time that AscendCL can be told: it takes an int32. */
const MAX_TIMEOUT = 2 ** 31 - 1;

interface Loaded {
  readonly handle: number;
  readonly inputs: readonly AclPort[];
  readonly outputs: readonly AclPort[];
  readonly gears?: Gears;
}

interface Ran {
  readonly outputs: readonly Pick<SessionTensor, 'dims' | 'data'>[];
  readonly timings: RunTimings;
}

/**
 * Loads a compiled model (OM) onto a device. Memory for its inputs and outputs is allocated now and used for every run.
 *
 * @throws SdgraphError `E_FILE_MISSING`, `E_FILE_READ`; `E_ACL_LIBRARY`, `E_ACL_DEVICE`, `E_ACL_MEMORY`;
 * `E_SESSION_LOAD` when the device does not take the model
 */
export async function openAclSession(path: string, options: AclOptions = {}): Promise<InferenceSession> {
  const { timeoutMs } = options;
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT)) {
    const details = { expected: `1 to ${MAX_TIMEOUT} whole milliseconds`, found: String(timeoutMs) };
    throw new SdgraphError('E_SESSION_LOAD', 'the time limit of a run is not valid', { file: path }, details);
  }
  requireFile(path);
  const device = await acquireDevice(options);
  let handle: number | undefined;
  try {
    const loaded = (await device.ask({ kind: 'load', path: resolve(path), timeoutMs })) as Loaded;
    ({ handle } = loaded);
    return new AclSession(device, path, loaded);
  } catch (error) {
    if (handle !== undefined) await device.ask({ kind: 'unload', handle }).catch(() => undefined);
    await device.release().catch(() => undefined);
    throw error instanceof SdgraphError ? error : aclFailure(error, 'load', { file: path }, device.soc);
  }
}

class AclSession implements InferenceSession {
  readonly inputs: readonly SessionPort[];
  readonly outputs: readonly SessionPort[];
  readonly #device: AclDevice;
  readonly #path: string;
  readonly #handle: number;
  readonly #gears: Gears | undefined;
  #timings: RunTimings | undefined;
  #closing: Promise<void> | undefined;

  constructor(device: AclDevice, path: string, { handle, inputs, outputs, gears }: Loaded) {
    this.inputs = sessionPorts(inputs, path);
    this.outputs = sessionPorts(sourceNames(outputs), path);
    this.#device = device;
    this.#path = path;
    this.#handle = handle;
    this.#gears = gears;
  }

  get timings(): RunTimings | undefined {
    return this.#timings;
  }

  async run(feeds: SessionFeeds): Promise<Map<string, SessionTensor>> {
    const where = { file: this.#path };
    if (this.#closing !== undefined) {
      throw new SdgraphError('E_SESSION_RUN', 'the device cannot run the model', where, {
        found: 'the session is closed',
      });
    }
    const named = checkFeeds(this.inputs, feeds, this.#path);
    const tensors = this.inputs.map(({ name }) => named.get(name) as SessionTensor);
    const gear = this.#gears === undefined ? undefined : chooseGear(this.#gears, this.inputs, tensors, this.#path);
    const question = {
      kind: 'run',
      handle: this.#handle,
      feeds: tensors.map(({ dims, data }) => ({ dims, data })),
      gear,
    };
    try {
      const { outputs, timings } = (await this.#device.ask(question)) as Ran;
      this.#timings = timings;
      return new Map(
        this.outputs.map(({ name, dataType }, i) => [name, { dataType, ...(outputs[i] as Ran['outputs'][number]) }]),
      );
    } catch (error) {
      throw aclFailure(error, 'run', where, this.#device.soc);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#device.ask({ kind: 'unload', handle: this.#handle });
    } catch (error) {
      if (this.#device.isOpen) throw aclFailure(error, 'free', { file: this.#path }, this.#device.soc);
      // The thread is gone, and the model with it.
    } finally {
      await this.#device.release();
    }
  }
}

function requireFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new SdgraphError('E_FILE_MISSING', 'the file does not exist', { file: path });
  if (!found.isFile()) throw new SdgraphError('E_FILE_READ', 'that is not a file', { file: path });
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw new SdgraphError('E_FILE_READ', 'the file cannot be read', { file: path }, { cause });
  }
}

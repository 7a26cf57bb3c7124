// Loads AscendCL and calls it. Every call that fails takes the library's words about it along at once: they belong to the
// thread, and the next call replaces them.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { bind } from './bindings.js';
import { AclFailure, LibraryFailure } from './failure.js';

/** What every function of a library for linking only returns. */
const STUB = 100_039;
/** There is no memory: what a function that returns NULL instead of an object means. */
const BAD_ALLOC = 200_000;

/** As large as a thread's own stack: loading a model compiles nothing, but it goes deep. */
const STACK_SIZE = 8 * 2 ** 20;

/** dlopen: resolve now; only if loaded already; never unload. */
const PIN = 0x2 | 0x4 | 0x1000;

/** Folders of libraries that are made for linking, and only return an error. */
const STUB_FOLDERS = new Set(['devlib', 'stub', 'stubs']);

/** @typedef {(...args: unknown[]) => unknown} NativeFunction */

/** AscendCL, loaded. */
export class Acl {
  /** @type {Map<string, NativeFunction>} */
  #functions;
  /** @type {NativeFunction} */
  #memcpy;

  /**
   * @param {string} file
   * @param {Map<string, NativeFunction>} functions
   * @param {NativeFunction} memcpy
   */
  constructor(file, functions, memcpy) {
    /** The file that was loaded. */
    this.file = file;
    this.#functions = functions;
    this.#memcpy = memcpy;
  }

  /** @param {string} name */
  has(name) {
    return this.#functions.has(name);
  }

  /**
   * Calls a function that returns an aclError.
   *
   * @param {import('./bindings.js').AclFunction} name
   * @param {...unknown} args
   */
  call(name, ...args) {
    const code = /** @type {number} */ (this.value(name, ...args));
    if (code !== 0) throw this.failure(name, code);
  }

  /**
   * Calls a function that creates something.
   *
   * @param {string} name
   * @param {...unknown} args
   * @returns {bigint} never a null pointer
   */
  create(name, ...args) {
    const pointer = /** @type {bigint | null} */ (this.value(name, ...args));
    if (pointer === null) throw this.failure(name, BAD_ALLOC);
    return pointer;
  }

  /**
   * Calls a function and returns what it returns.
   *
   * @param {string} name
   * @param {...unknown} args
   * @returns {unknown}
   */
  value(name, ...args) {
    const call = this.#functions.get(name);
    if (call === undefined) {
      throw new LibraryFailure(`this version of AscendCL has no ${name}`, { kind: 'old', file: this.file });
    }
    return call(...args);
  }

  /**
   * @param {string} name
   * @param {number} code
   */
  failure(name, code) {
    return new AclFailure(name, code, this.words());
  }

  /** What the library says about the last failure on this thread; may be empty. */
  words() {
    const said = this.has('aclGetRecentErrMsg') ? this.value('aclGetRecentErrMsg') : null;
    return typeof said === 'string' ? said : '';
  }

  /** The chip of this machine, as the compiler calls it. @returns {string | undefined} */
  socName() {
    const name = this.has('aclrtGetSocName') ? this.value('aclrtGetSocName') : null;
    return typeof name === 'string' && name !== '' ? name : undefined;
  }

  /**
   * Copies between memory of the host, one side of which is a typed array.
   *
   * @param {bigint | ArrayBufferView} target
   * @param {bigint | ArrayBufferView} source
   * @param {number} count bytes
   */
  copy(target, source, count) {
    if (count > 0) this.#memcpy(target, source, count);
  }
}

/**
 * Loads the first library that can be.
 *
 * @param {readonly string[]} candidates paths, or names that the system's loader finds
 * @returns {Promise<Acl>}
 * @throws LibraryFailure
 */
export async function loadAcl(candidates) {
  const koffi = await importKoffi();
  koffi.config({ sync_stack_size: STACK_SIZE });
  const system = koffi.load(null);
  const memcpy = system.func('memcpy', 'void *', ['void *', 'void *', 'size_t']);
  const dlopen = system.func('dlopen', 'void *', ['str', 'int']);
  /** @type {LibraryFailure | undefined} */
  let failure;
  for (const candidate of candidates) {
    try {
      const library = koffi.load(candidate);
      const file = fileOf(candidate);
      refuseStub(file);
      const { functions, missing } = bind(library);
      if (missing.length > 0) {
        throw new LibraryFailure(`the library has no ${missing[0]}`, { kind: 'broken', file });
      }
      const acl = new Acl(file, functions, memcpy);
      refuseAnswersOfStub(acl);
      // koffi lets go of a library with the thread that loaded it; this one has threads of its own that run in it.
      dlopen(candidate, PIN);
      return acl;
    } catch (error) {
      const found = error instanceof LibraryFailure ? error : failureOf(candidate, error);
      // A library that is there and does not work says more than one that is not there.
      if (failure === undefined || rank(found) > rank(failure)) failure = found;
    }
  }
  throw failure ?? new LibraryFailure('there is no place to look for the library', { kind: 'absent' });
}

async function importKoffi() {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    throw new LibraryFailure(`koffi cannot be loaded: ${messageOf(error)}`, { kind: 'broken' });
  }
}

/** @param {LibraryFailure} failure */
function rank({ details: { library } }) {
  return library.kind === 'absent' ? 0 : 1;
}

/**
 * @param {string} candidate
 * @param {unknown} error of the system's loader
 */
function failureOf(candidate, error) {
  const message = messageOf(error).replace(/^Failed to load shared library: /u, '');
  const [, missing] = /^(\S+): cannot open shared object file/u.exec(message) ?? [];
  const isAbsent = missing === undefined && message.startsWith('cannot open shared object file');
  if (isAbsent) return new LibraryFailure('the library is not there', { kind: 'absent', file: candidate });
  return new LibraryFailure(message, {
    kind: 'broken',
    file: candidate,
    ...(missing === undefined ? {} : { missing }),
  });
}

/**
 * The file behind a name, as the system's loader found it.
 *
 * @param {string} candidate
 */
function fileOf(candidate) {
  if (candidate.includes(sep)) return realpathSync(candidate);
  const mapped = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .map((line) => line.slice(line.indexOf('/')))
    .find((path) => path.includes(`/${candidate}`));
  return mapped === undefined ? candidate : realpathSync(mapped);
}

/** @param {string} file */
function refuseStub(file) {
  if (
    !dirname(file)
      .split(sep)
      .some((part) => STUB_FOLDERS.has(part))
  )
    return;
  throw new LibraryFailure('the library is a stub for linking', { kind: 'stub', file });
}

/** @param {Acl} acl */
function refuseAnswersOfStub(acl) {
  if (!acl.has('aclrtGetVersion')) return;
  const [major, minor, patch] = [new Int32Array(1), new Int32Array(1), new Int32Array(1)];
  if (acl.value('aclrtGetVersion', major, minor, patch) !== STUB) return;
  throw new LibraryFailure('the library is a stub for linking', { kind: 'stub', file: acl.file });
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

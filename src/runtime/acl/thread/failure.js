/**
 * A call of AscendCL that failed.
 *
 * @typedef {{ function: string, code: number, text: string }} FailureDetails code 0 where the library gave none
 */
export class AclFailure extends Error {
  /**
   * @param {string} name of the function
   * @param {number} code what it returned
   * @param {string} text what the library says about it; may be empty
   */
  constructor(name, code, text) {
    super(`${name} returned ${code}`);
    this.name = 'AclFailure';
    /** @type {FailureDetails} */
    this.details = { function: name, code, text };
  }
}

/** That the library cannot be used at all. */
export class LibraryFailure extends Error {
  /**
   * @param {string} reason what is wrong
   * @param {{ kind: 'absent' | 'broken' | 'stub' | 'old', file?: string, missing?: string }} details
   */
  constructor(reason, details) {
    super(reason);
    this.name = 'LibraryFailure';
    this.details = { library: details };
  }
}

/** That a model asks for what this backend does not do. */
export class ModelFailure extends Error {
  /** @param {string} reason */
  constructor(reason) {
    super(reason);
    this.name = 'ModelFailure';
    this.details = { model: reason };
  }
}

/** That there is no such device. */
export class DeviceFailure extends Error {
  /**
   * @param {number} id the device that was asked for
   * @param {number} count how many there are
   */
  constructor(id, count) {
    super(`there is no device ${id}`);
    this.name = 'DeviceFailure';
    this.details = { device: { id, count } };
  }
}

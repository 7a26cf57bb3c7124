/**
 * A vitest reporter that closes the output with one plain line, `N passed, N failed` or, where tests were skipped,
 * `N passed, N failed, N skipped`. Skipped tests are listed before it, with the reason the test noted.
 *
 * A file that cannot be collected, a suite whose hook fails and an error outside every test count as one failure each,
 * so the line never looks better than the run was.
 */
import { writeSync } from 'node:fs';

/** @import { Reporter, TestModule, TestSuite, SerializedError } from 'vitest/node' */

/** @implements {Reporter} */
export default class PlainReporter {
  /** @type {string[]} */
  #lines = ['0 passed, 0 failed'];
  #hooked = false;

  onInit() {
    if (this.#hooked) return;
    this.#hooked = true;
    // The coverage report is printed after the last reporter hook; only the end of the process comes after that.
    process.on('exit', () => writeAll(`${this.#lines.join('\n')}\n`));
  }

  /**
   * @param {readonly TestModule[]} testModules
   * @param {readonly SerializedError[]} unhandledErrors
   */
  onTestRunEnd(testModules, unhandledErrors) {
    this.#lines = summarize(testModules, unhandledErrors);
  }
}

/**
 * @param {readonly TestModule[]} testModules
 * @param {readonly SerializedError[]} unhandledErrors
 * @returns {string[]} the skipped tests, then the plain line
 */
export function summarize(testModules, unhandledErrors) {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  const lines = [];
  for (const module of testModules) {
    count.failed += brokenSuites(module);
    for (const test of module.children.allTests()) {
      const result = test.result();
      // A test that never reported a result was cut off: that is no pass, and no skip either.
      const state = result.state === 'pending' ? 'failed' : result.state;
      count[state]++;
      if (result.state === 'skipped') {
        lines.push(`skipped: ${module.relativeModuleId} > ${test.fullName}: ${result.note ?? 'no reason noted'}`);
      }
    }
  }
  const skipped = count.skipped === 0 ? '' : `, ${count.skipped} skipped`;
  return [...lines, `${count.passed} passed, ${count.failed} failed${skipped}`];
}

/**
 * @param {TestModule} module
 * @returns {number} how many of the file and its suites failed by themselves, outside their tests
 */
function brokenSuites(module) {
  let broken = module.errors().length > 0 ? 1 : 0;
  for (const suite of module.children.allSuites()) if (suite.errors().length > 0) broken++;
  return broken;
}

/** @param {string} text */
function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      // A pipe whose reader is slow refuses for a moment; a reader that left gets nothing.
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EAGAIN') return;
    }
  }
}

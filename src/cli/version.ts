import { readFileSync } from 'node:fs';

/** The version of the package. Its description lies two folders above the sources and three above compiled code. */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as Record<
        string,
        string
      >;
      if (name === 'sdgraph' && version !== undefined) return version;
    } catch {
      // Not there: the other place has it.
    }
  }
  return 'unknown';
}

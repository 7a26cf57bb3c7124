/** The values that ATC takes for `--soc_version`: those known here, and those of an installed toolkit. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the platform files of CANN 8.1 that belong to NPUs of servers, cards and boards. */
export const SOC_VERSIONS: ReadonlySet<string> = new Set([
  'Ascend310',
  'Ascend310B1',
  'Ascend310B2',
  'Ascend310B3',
  'Ascend310B4',
  'Ascend310P1',
  'Ascend310P3',
  'Ascend310P5',
  'Ascend310P7',
  'Ascend610',
  'Ascend610Lite',
  'Ascend910A',
  'Ascend910B',
  'Ascend910PremiumA',
  'Ascend910ProA',
  'Ascend910ProB',
  'Ascend910B1',
  'Ascend910B2',
  'Ascend910B2C',
  'Ascend910B3',
  'Ascend910B4',
  'Ascend910B4-1',
  'Ascend910_9362',
  'Ascend910_9372',
  'Ascend910_9381',
  'Ascend910_9382',
  'Ascend910_9391',
  'Ascend910_9392',
  'Ascend910_95',
  'Ascend910_5591',
]);

/** Most platform files of a toolkit that are looked at; real ones have some sixty. */
const MAX_FILES = 1000;

/**
 * The versions that the toolkit in `ASCEND_HOME_PATH` compiles for, with {@link SOC_VERSIONS}. Without a toolkit, or
 * where its folder cannot be read, these are {@link SOC_VERSIONS} alone.
 */
export function socVersionsOf(env: Readonly<Record<string, string | undefined>>): ReadonlySet<string> {
  const { ASCEND_HOME_PATH: home } = env;
  if (home === undefined || home === '') return SOC_VERSIONS;
  const names = list(home)
    .filter((folder) => folder.endsWith('-linux'))
    .flatMap((folder) => list(join(home, folder, 'data/platform_config')))
    .flatMap((file) => /^(\w[\w-]{0,63})\.ini$/u.exec(file)?.[1] ?? []);
  return new Set([...SOC_VERSIONS, ...names.slice(0, MAX_FILES)]);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return []; // No toolkit there: the table above has to do.
  }
}

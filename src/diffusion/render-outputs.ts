import { accessSync, constants, mkdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { identify, isSame } from '../io/identity.ts';
import { systemReason } from '../wire/source.ts';
import { ContactSheet } from './contact-sheet.ts';

/** Where the results of a run go. */
interface Outputs {
  readonly saveDir: string;
  readonly infoFile: string;
  readonly contactSheet: string | undefined;
  /** Images to make. */
  readonly total: number;
  /** Files that are read. */
  readonly inputs: readonly string[];
}

/**
 * Finds out before anything runs whether the results can be written, and that none takes the place of another, or of a
 * file that is read. Makes the folder of the images.
 *
 * @throws SdgraphError `E_OVERWRITES_INPUT`, `E_FILE_WRITE`, `E_IMAGE` for a contact sheet that would be too large
 */
export function requireOutputs({ saveDir, infoFile, contactSheet, total, inputs }: Outputs): void {
  if (contactSheet !== undefined) void new ContactSheet(Math.max(1, total));
  const files = [infoFile, ...(contactSheet === undefined ? [] : [contactSheet])];
  for (const file of files) {
    if (inputs.some((input) => isOneFile(input, file))) {
      const hint = 'choose another name';
      throw new SdgraphError('E_OVERWRITES_INPUT', 'a file that is read would be replaced', { file }, { hint });
    }
  }
  requireFolder(saveDir, () => mkdirSync(saveDir, { recursive: true }));
  for (const file of files) {
    requireFolder(dirname(file));
    if (isOneFile(dirname(file), saveDir) && /^\d+_\d+\.png$/u.test(basename(file))) {
      throw taken(file, 'the file would take the name of an image');
    }
  }
  if (contactSheet !== undefined && isOneFile(infoFile, contactSheet)) {
    throw taken(contactSheet, 'image info and contact sheet have one name');
  }
}

/** Whether two names stand for one file or folder, which need not be there. */
function isOneFile(a: string, b: string): boolean {
  const [first, second] = [identify(a), identify(b)];
  return first === undefined || second === undefined ? resolve(a) === resolve(b) : isSame(first, second);
}

function taken(file: string, reason: string): SdgraphError {
  return new SdgraphError('E_FILE_WRITE', reason, { file }, { hint: 'give it another name' });
}

function requireFolder(folder: string, make: () => void = () => undefined): void {
  try {
    make();
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = `nothing can be written to this folder: ${systemReason(cause)}`;
    throw new SdgraphError('E_FILE_WRITE', reason, { file: folder }, { cause });
  }
}

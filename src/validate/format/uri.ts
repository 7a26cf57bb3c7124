import { relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A file as SARIF names it: relative to the working folder where it lies below it, which is what CI services show. */
export function relativeUri(file: string): { uri: string; uriBaseId?: string } {
  const path = relative(process.cwd(), resolve(file));
  if (path.startsWith('..') || path === '') return { uri: pathToFileURL(resolve(file)).href };
  return { uri: path.split(sep).map(encodeURIComponent).join('/'), uriBaseId: 'ROOT' };
}

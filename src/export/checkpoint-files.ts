import { join } from 'node:path';
import { SdgraphError } from '../errors.ts';
import { readJsonFile } from '../targets/json-file.ts';

/** Most files that the weights of one part may be spread over. */
const MAX_SHARDS = 1000;

/** The file to read for a part, of those in its folder. */
export interface FileChoice {
  /** Name in the folder: a safetensors file, or an index of several. */
  readonly name: string;
  readonly isIndex: boolean;
  /** The variant that it is; undefined for the plain file. */
  readonly variant: string | undefined;
}

/**
 * Chooses the weight file of a part: the variant that was asked for; otherwise the plain file; otherwise the only
 * variant that is there.
 *
 * @param folder for messages
 * @param names what is in the folder
 * @throws SdgraphError `E_CHECKPOINT` when there is none, when it is of a kind that is not read, or when several could
 * be meant
 */
export function chooseFile(
  folder: string,
  names: readonly string[],
  stem: string,
  variant: string | undefined,
): FileChoice {
  const found = names.flatMap((name) => recognize(name, stem) ?? []);
  const wanted = found.filter((each) => each.variant === variant);
  const candidates = wanted.length > 0 || variant !== undefined ? wanted : found;
  const [choice] = candidates;
  if (choice === undefined) throw nothing(folder, names, stem, variant, found);
  if (candidates.length === 1) return choice;
  const isVariants = candidates.every((each) => each.variant !== undefined) && variant === undefined;
  throw new SdgraphError(
    'E_CHECKPOINT',
    'more than one file of weights could be meant',
    { file: folder },
    {
      expected: 'one',
      found: candidates.map(({ name }) => name).join(', '),
      hint: isVariants
        ? `choose with --variant ${candidates.map((each) => each.variant).join(' or --variant ')}`
        : 'a part is one file or an index of several; remove what is left over from another download',
    },
  );
}

/** `model.safetensors`, `model.fp16.safetensors`, `model.safetensors.index.json`, `model.safetensors.index.fp16.json`. */
function recognize(name: string, stem: string): FileChoice | undefined {
  if (!name.startsWith(`${stem}.`)) return undefined;
  const rest = name.slice(stem.length);
  const single = /^(?:\.(?<variant>\w+))?\.safetensors$/u.exec(rest);
  const index = /^\.safetensors\.index(?:\.(?<variant>\w+))?\.json$/u.exec(rest);
  const match = single ?? index;
  if (match === null) return undefined;
  return { name, isIndex: single === null, variant: match.groups?.['variant'] };
}

function nothing(
  folder: string,
  names: readonly string[],
  stem: string,
  variant: string | undefined,
  found: readonly FileChoice[],
): SdgraphError {
  const pickle = names.find((name) => /\.(?:bin|ckpt|pt|pth|msgpack|h5)$/u.test(name));
  const expected = variant === undefined ? `${stem}.safetensors` : `${stem}.${variant}.safetensors`;
  if (found.length === 0 && pickle !== undefined) {
    return new SdgraphError(
      'E_CHECKPOINT',
      'the weights are in a form that is not read, because loading it can run code',
      { file: join(folder, pickle) },
      {
        expected,
        found: pickle,
        hint: 'convert with diffusers: StableDiffusionPipeline.from_pretrained(DIR).save_pretrained(NEW, safe_serialization=True)',
      },
    );
  }
  const others = found.map(({ name }) => name).join(', ');
  const details = { expected, found: others === '' ? 'no safetensors file' : others };
  return new SdgraphError('E_CHECKPOINT', 'the weights of a part are not there', { file: folder }, details);
}

/**
 * Reads the index of weights that are spread over several files: the name of every tensor, and the file that holds it.
 *
 * @param path the file to read
 * @param label what to call it in messages
 * @throws SdgraphError `E_CHECKPOINT` when it is no such index, or names something other than a file beside it
 */
export function readIndex(path: string, label: string): ReadonlyMap<string, string> {
  const document = readJsonFile(path, 'E_CHECKPOINT');
  const map = isObject(document) ? document['weight_map'] : undefined;
  if (!isObject(map)) {
    throw new SdgraphError(
      'E_CHECKPOINT',
      'the index of weights is not valid',
      { file: label },
      { expected: 'a weight_map' },
    );
  }
  const entries = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) entries.set(name, shardName(label, name, file));
  const shards = new Set(entries.values()).size;
  if (shards > 0 && shards <= MAX_SHARDS) return entries;
  throw new SdgraphError(
    'E_CHECKPOINT',
    'the index of weights is not valid',
    { file: label },
    { expected: `1 to ${MAX_SHARDS} files`, found: `${shards}` },
  );
}

/** A path in an index could lead anywhere, so only names of files beside it are taken. */
function shardName(label: string, name: string, file: unknown): string {
  if (typeof file === 'string' && /^[\w.-]+\.safetensors$/u.test(file) && !file.startsWith('.')) return file;
  throw new SdgraphError(
    'E_CHECKPOINT',
    'the index of weights names something other than a safetensors file beside it',
    { file: label, name },
    { expected: 'a plain file name', found: JSON.stringify(file)?.slice(0, 200) ?? 'nothing' },
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The cleaning that prompts go through before they are split into words: what the Python library ftfy does to text that
 * has no encoding mistakes in it. CLIP was trained on text cleaned so, and every Stable Diffusion cleans its prompts so.
 */

import { decodeHTMLStrict } from 'entities';

/**
 * Mends a text: HTML entities decoded (up to the first line that holds `<`, which means there may be real markup),
 * ligatures and half-width or full-width forms unfolded, quotes straightened, line breaks made `\n`, terminal escapes
 * and control characters removed, composed (NFC). Each line until nothing changes any more.
 */
export function cleanText(text: string): string {
  let markup = false;
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      markup ||= line.includes('<');
      return cleanLine(line, !markup);
    })
    .join('');
}

function cleanLine(line: string, decodesEntities: boolean): string {
  for (let before = line; ; ) {
    const after = cleanOnce(decodesEntities ? before.replaceAll(ENTITY, decodeEntity) : before);
    // Each round decodes or removes something for good, so this ends: with `&amp;amp;` after one round more.
    if (after === before) return after;
    before = after;
  }
}

function cleanOnce(line: string): string {
  return line
    .replaceAll(C1_CONTROLS, fromWindows1252)
    .replaceAll(LIGATURES, (one) => LIGATURE_LETTERS.get(one) ?? one)
    .replaceAll(WIDTH_VARIANTS, (one) => one.normalize('NFKC'))
    .replaceAll(/[\u02bc\u2018-\u201b]/g, "'")
    .replaceAll(/[\u201c-\u201f]/g, '"')
    .replaceAll(/\r\n|[\r\u2028\u2029]/g, '\n')
    .replaceAll(/\p{Surrogate}/gu, '\ufffd')
    .replaceAll(TERMINAL_ESCAPES, '')
    .replaceAll(CONTROLS, '')
    .normalize('NFC');
}

const ENTITY = /&#?[0-9A-Za-z]{1,24};/g;

/** One entity. Names that are known in lower case only may also be written in upper case, and then mean it. */
function decodeEntity(entity: string): string {
  const decoded = decodeHTMLStrict(entity);
  if (decoded !== entity || entity.startsWith('&#') || entity !== entity.toUpperCase()) return decoded;
  const lower = decodeHTMLStrict(entity.toLowerCase());
  return lower === entity.toLowerCase() ? entity : lower.toUpperCase();
}

/** Bytes 128 to 159 of text that claimed to be Latin-1 and was Windows-1252, as nearly all of it is. */
const C1_CONTROLS = /[\u0080-\u009f]/g;
/** A table of our own: the TextDecoder of some Node versions takes Windows-1252 for Latin-1. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function fromWindows1252(control: string): string {
  return WINDOWS_1252[control.charCodeAt(0) - 0x80] as string;
}

const LIGATURE_LETTERS: ReadonlyMap<string, string> = new Map([
  ['\u0132', 'IJ'],
  ['\u0133', 'ij'],
  ['\u0149', '\u02bcn'],
  ['\u01c4', 'D\u017d'],
  ['\u01c5', 'D\u017e'],
  ['\u01c6', 'd\u017e'],
  ['\u01c7', 'LJ'],
  ['\u01c8', 'Lj'],
  ['\u01c9', 'lj'],
  ['\u01ca', 'NJ'],
  ['\u01cb', 'Nj'],
  ['\u01cc', 'nj'],
  ['\u01f1', 'DZ'],
  ['\u01f2', 'Dz'],
  ['\u01f3', 'dz'],
  ['\ufb00', 'ff'],
  ['\ufb01', 'fi'],
  ['\ufb02', 'fl'],
  ['\ufb03', 'ffi'],
  ['\ufb04', 'ffl'],
  ['\ufb05', '\u017ft'],
  ['\ufb06', 'st'],
]);
const LIGATURES = new RegExp(`[${[...LIGATURE_LETTERS.keys()].join('')}]`, 'g');

/** The ideographic space, and the block of half-width and full-width forms. */
const WIDTH_VARIANTS = /[\u3000\uff01-\uffef]/g;

const TERMINAL_ESCAPES = /\u001b\[[\d;]*[a-zA-Z]/g;

/** Without tab, line feed and form feed, which are white space; with marks that steer layout rather than say anything. */
const CONTROLS = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/** The values of the options that speak of shapes. */

/** One dimension of `--input_shape`: a size, open (-1), or a range or list of sizes. */
export type ShapeDim = number | 'open' | 'range';

/** Inputs by name, in the order written; undefined where the text is malformed. */
export function parseInputShape(text: string): ReadonlyMap<string, readonly ShapeDim[]> | undefined {
  const shapes = new Map<string, readonly ShapeDim[]>();
  for (const part of text.split(';')) {
    // Names of inputs may hold colons; sizes do not.
    const at = part.lastIndexOf(':');
    const name = part.slice(0, at).trim();
    const list = part.slice(at + 1).trim();
    if (at <= 0 || name === '' || shapes.has(name)) return undefined;
    const dims = list === '' ? [] : list.split(',').map((dim) => parseDim(dim.trim()));
    if (dims.includes(undefined)) return undefined;
    shapes.set(name, dims as ShapeDim[]);
  }
  return shapes;
}

function parseDim(text: string): ShapeDim | undefined {
  if (text === '-1') return 'open';
  if (/^-?\d{1,10}$/u.test(text)) return Number(text);
  return /^\d{1,10}~(?:\d{1,10}|-1)$/u.test(text) ? 'range' : undefined;
}

/** Gears: lists of numbers behind semicolons. */
export function parseGears(text: string): readonly (readonly number[])[] {
  return text.split(';').map((gear) => gear.split(',').map(Number));
}

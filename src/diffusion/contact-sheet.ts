import type { RgbImage } from './images.ts';
import { imageError, requireImage } from './png.ts';

/** Most pixels of a sheet: 192 MiB of memory. */
const MAX_PIXELS = 1 << 26;

/** How a {@link ContactSheet} is laid out, in pixels. */
export interface ContactSheetOptions {
  /** Side of the square that each thumbnail fits into. Default: 128. */
  readonly cell?: number;
  /** Thumbnails in a row. Default: as many as make the sheet about square. */
  readonly columns?: number;
  /** Space between thumbnails and around them. Default: 4. */
  readonly gap?: number;
}

/**
 * Thumbnails of many images in one: left to right, top to bottom, on white. Holds the sheet, never the images.
 *
 * ```ts
 * const sheet = new ContactSheet(prompts.length, { cell: 96 });
 * for await (const { image } of results) sheet.add(image);
 * writeFileAtomic('contact-sheet.png', encodePng(sheet.image));
 * ```
 */
export class ContactSheet {
  /** The sheet as far as it is filled. */
  readonly image: RgbImage;
  readonly #cell: number;
  readonly #columns: number;
  readonly #gap: number;
  readonly #count: number;
  #added = 0;

  /**
   * @param count how many images there is room for
   * @throws SdgraphError `E_IMAGE` when the layout is not possible or the sheet would be too large
   */
  constructor(count: number, options: ContactSheetOptions = {}) {
    this.#count = within('number of images', count, 1, MAX_PIXELS);
    this.#columns = within('columns', options.columns ?? Math.ceil(Math.sqrt(count)), 1, MAX_PIXELS);
    this.#cell = within('cell', options.cell ?? 128, 1, 4096);
    this.#gap = within('gap', options.gap ?? 4, 0, 4096);
    const pitch = this.#cell + this.#gap;
    const columns = Math.min(this.#columns, count);
    const width = columns * pitch + this.#gap;
    const height = Math.ceil(count / this.#columns) * pitch + this.#gap;
    if (width * height > MAX_PIXELS) {
      throw imageError('the contact sheet would be too large', `at most ${MAX_PIXELS} pixels`, `${width} x ${height}`);
    }
    const sheet = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
    requireImage(sheet);
    this.image = sheet;
  }

  /**
   * Puts the next image on the sheet: shrunk to fit its cell, keeping its proportions, never enlarged, centred.
   *
   * @throws SdgraphError `E_IMAGE` when the sheet is full or the image is none
   */
  add(image: RgbImage): void {
    if (this.#added === this.#count) {
      throw imageError('the contact sheet is full', `${this.#count} images`, `${this.#added + 1}`);
    }
    requireImage(image);
    const scale = Math.min(1, this.#cell / Math.max(image.width, image.height));
    const width = Math.max(1, Math.round(image.width * scale));
    const height = Math.max(1, Math.round(image.height * scale));
    const thumbnail = shrink(image, width, height);

    const pitch = this.#cell + this.#gap;
    const left = this.#gap + (this.#added % this.#columns) * pitch + ((this.#cell - width) >> 1);
    const top = this.#gap + Math.floor(this.#added / this.#columns) * pitch + ((this.#cell - height) >> 1);
    for (let y = 0; y < height; y++) {
      const row = thumbnail.data.subarray(y * width * 3, (y + 1) * width * 3);
      this.image.data.set(row, ((top + y) * this.image.width + left) * 3);
    }
    this.#added++;
  }
}

/**
 * A smaller image whose every pixel is the mean of the area it stands for (a box filter); a pixel on an edge counts as
 * much of it as lies inside.
 *
 * @param width at most that of the image
 * @param height at most that of the image
 * @throws SdgraphError `E_IMAGE` when the size is none or would enlarge the image
 */
export function shrink(image: RgbImage, width: number, height: number): RgbImage {
  requireImage(image);
  within('width', width, 1, image.width);
  within('height', height, 1, image.height);
  const across = boxes(image.width, width);
  const down = boxes(image.height, height);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      mean(image, across[x] as Box, down[y] as Box, data, (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

/** Pixels from `first` on, and how much of each counts. */
interface Box {
  readonly first: number;
  readonly shares: readonly number[];
}

/** Which pixels of `from` each of `to` pixels covers. All shares are whole numbers: parts of 1/to of a pixel. */
function boxes(from: number, to: number): Box[] {
  return Array.from({ length: to }, (_, i) => {
    const [begin, end] = [i * from, (i + 1) * from];
    const first = Math.floor(begin / to);
    const count = Math.ceil(end / to) - first;
    const shares = Array.from({ length: count }, (__, k) => {
      const left = (first + k) * to;
      return Math.min(end, left + to) - Math.max(begin, left);
    });
    return { first, shares };
  });
}

function mean({ width, data }: RgbImage, across: Box, down: Box, target: Uint8Array, at: number): void {
  let [red, green, blue, weight] = [0, 0, 0, 0];
  for (const [dy, vertical] of down.shares.entries()) {
    let from = ((down.first + dy) * width + across.first) * 3;
    for (const horizontal of across.shares) {
      const share = vertical * horizontal;
      red += share * (data[from] as number);
      green += share * (data[from + 1] as number);
      blue += share * (data[from + 2] as number);
      weight += share;
      from += 3;
    }
  }
  target[at] = Math.round(red / weight);
  target[at + 1] = Math.round(green / weight);
  target[at + 2] = Math.round(blue / weight);
}

function within(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw imageError(`${name}: not possible`, `a whole number from ${min} to ${max}`, `${value}`);
}

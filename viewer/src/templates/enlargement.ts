/** Pixel art is often passed on enlarged: finds by how much, and brings it back. */
import type { TemplateImage } from "./template";

/** An image that would be smaller than this is taken as it is: it is simple rather than enlarged. */
const SIDE_MIN = 8;

/** The greatest whole number of times that an image can have been enlarged; 1 if it wasn't. */
export function enlargementOf({ width, height, pixels }: TemplateImage): number {
  let times = gcd(width, height);
  for (let y = 0; y < height && times > 1; y++) {
    const row = y * width;
    for (let x = 1; x < width; x++) {
      if (x % times !== 0 && pixels[row + x] !== pixels[row + x - 1]) times = gcd(times, x);
    }
    // Rows within a square are alike.
    if (y % times !== 0 && !sameRows(pixels, row, row - width, width)) times = gcd(times, y);
  }
  return Math.min(width, height) / times < SIDE_MIN ? 1 : times;
}

/** One pixel of each square of `times` pixels on a side. */
export function reduce({ width, height, pixels }: TemplateImage, times: number): TemplateImage {
  const reduced = { width: width / times, height: height / times };
  const kept = new Uint32Array(reduced.width * reduced.height);
  let at = 0;
  for (let y = 0; y < height; y += times) {
    for (let x = 0; x < width; x += times) kept[at++] = pixels[y * width + x];
  }
  return { ...reduced, pixels: kept };
}

/** Each pixel as a square of `times` on a side. */
export function enlarge(image: TemplateImage, times: number): TemplateImage {
  if (times === 1) return image;
  const width = image.width * times;
  const height = image.height * times;
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < image.height; y++) {
    const row = y * times * width;
    for (let x = 0; x < image.width; x++) {
      pixels.fill(image.pixels[y * image.width + x], row + x * times, row + (x + 1) * times);
    }
    for (let copy = 1; copy < times; copy++) {
      pixels.copyWithin(row + copy * width, row, row + width);
    }
  }
  return { width, height, pixels };
}

function sameRows(pixels: Uint32Array, a: number, b: number, width: number): boolean {
  for (let x = 0; x < width; x++) if (pixels[a + x] !== pixels[b + x]) return false;
  return true;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

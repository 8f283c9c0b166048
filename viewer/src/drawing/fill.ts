/** Flood fill: the pixels of one colour that hang together by their sides. */
import type { Surface } from "../canvas/raster";

export type FillFailure =
  /** It reached a pixel that isn't loaded (0). */
  | "unloaded"
  /** It has more pixels than allowed. */
  | "large"
  /** The pixels have that colour already. */
  | "same";

/**
 * Fills from the canvas pixel (x, y), which is on the surface, with a colour (0xAABBGGRR).
 *
 * Returns a surface of the same place with the pixels to paint, 0 elsewhere; the fill ends at the
 * surface's edge.
 */
export function flood(
  area: Surface,
  x: number,
  y: number,
  colour: number,
  most: number,
): Surface | FillFailure {
  const { width, height, pixels } = area;
  const start = (y - area.y0) * width + x - area.x0;
  const old = pixels[start];
  if (old === 0) return "unloaded";
  if (old === colour) return "same";
  const filled = new Uint32Array(pixels.length);
  let count = 0;
  let unloaded = false;
  const seeds = [start];
  /** Seeds each run of a neighbouring row that borders on [first, last]. */
  const seedRow = (first: number, last: number) => {
    let inside = false;
    for (let i = first; i <= last; i++) {
      if (pixels[i] === 0) unloaded = true;
      const fits = pixels[i] === old && filled[i] === 0;
      if (fits && !inside) seeds.push(i);
      inside = fits;
    }
  };
  for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
    if (filled[seed] !== 0) continue;
    const row = Math.floor(seed / width);
    const rowStart = row * width;
    const rowEnd = rowStart + width - 1;
    let first = seed;
    let last = seed;
    while (first > rowStart && pixels[first - 1] === old) first--;
    while (last < rowEnd && pixels[last + 1] === old) last++;
    filled.fill(colour, first, last + 1);
    count += last - first + 1;
    if (count > most) return "large";
    unloaded ||= first > rowStart && pixels[first - 1] === 0;
    unloaded ||= last < rowEnd && pixels[last + 1] === 0;
    if (row > 0) seedRow(first - width, last - width);
    if (row < height - 1) seedRow(first + width, last + width);
    if (unloaded) return "unloaded";
  }
  return { ...area, pixels: filled };
}

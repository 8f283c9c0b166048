/** Pictures of the canvas, to be saved or copied: as the server has it, pixel by pixel. */
import { regionUrl } from "../address";
import type { Box, Size } from "../canvas/geometry";

/** The server's `max_region_pixels`, where its operator left that alone. */
const PIXELS_MAX = 16_777_216;
const ENLARGEMENTS = [1, 2, 3, 4, 6, 8];
/** A picture that has to be reduced is offered in so many sizes. */
const REDUCTIONS_MAX = 3;

/** Pixels of the picture for each of the canvas: 1 to 8 whole ones, or 1/2, 1/4, …. */
export type Scale = number;

/** The picture's size in pixels; reduced, it holds every pixel of the level that the box touches. */
export function pictureSize({ x0, y0, x1, y1 }: Box, scale: Scale): Size {
  const times = Math.max(scale, 1);
  const ones = Math.max(1 / scale, 1);
  const length = (from: number, to: number) =>
    (Math.floor(to / ones) - Math.floor(from / ones) + 1) * times;
  return { width: length(x0, x1), height: length(y0, y1) };
}

/** The scales that the server makes a picture of the box at, for a canvas of so many levels. */
export function scalesFor(box: Box, levels: number): Scale[] {
  const fits = (scale: Scale) => {
    const { width, height } = pictureSize(box, scale);
    return width * height <= PIXELS_MAX;
  };
  if (fits(1)) return ENLARGEMENTS.filter(fits);
  const reductions = Array.from({ length: levels - 1 }, (_, i) => 2 ** -(i + 1));
  return reductions.filter(fits).slice(0, REDUCTIONS_MAX);
}

/** A file's name: which canvas, which pixels, how large. */
export function pictureName(canvas: string, { x0, y0, x1, y1 }: Box, scale: Scale): string {
  const safe = canvas.replace(/[^\p{L}\p{N}_-]+/gu, "-") || "canvas";
  const size = scale === 1 ? "" : `@${scale < 1 ? `1-${1 / scale}` : scale}x`;
  return `${safe}_${x0}-${y0}_${x1}-${y1}${size}.png`;
}

/** The server's picture. Throws an Error that says what is wrong. */
export async function fetchPicture(canvas: string, box: Box, scale: Scale): Promise<Blob> {
  const text = scale < 1 ? `1/${1 / scale}` : String(scale);
  const answer = await fetch(regionUrl(canvas, box, text));
  if (answer.ok) return answer.blob();
  const problem: unknown = await answer.json().catch(() => null);
  const { detail } = (problem ?? {}) as { readonly detail?: unknown };
  throw new Error(typeof detail === "string" ? detail : String(answer.status));
}

/** Offers it as a download. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // By then the browser has taken it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Whether pictures can be copied: not from pages that aren't secure, nor in some browsers. */
export function canCopyPictures(): boolean {
  return typeof ClipboardItem === "function" && navigator.clipboard?.write !== undefined;
}

/** Copies a picture that is still being made: Safari allows it only within the press itself. */
export async function copyPicture(picture: Promise<Blob>): Promise<void> {
  await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}

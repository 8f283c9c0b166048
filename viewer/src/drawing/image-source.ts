/** Pictures from outside, as pixels to put on the canvas. */
import type { Colour } from "../canvas/canvas-info";
import { nearestOf } from "../canvas/colour";
import type { Size } from "../canvas/geometry";
import type { Surface } from "../canvas/raster";

const FILE_MAX_BYTES = 32 * 2 ** 20;
/** Larger ones are scaled down to so many pixels a side. */
const SIDE_MAX = 1024;
const OPAQUE_FROM = 128;

/** Why a picture can't be used. */
export class UnusableImage extends Error {
  constructor(readonly reason: "large" | "unreadable") {
    super(reason);
  }
}

export interface ImportedImage {
  readonly pixels: Surface;
  /** It was larger, and was scaled down. */
  readonly scaled: boolean;
}

/**
 * Decodes a picture: at most as large as `room` and 1,024 pixels a side, in the palette's nearest
 * colours where there is a palette. Half transparent pixels count as opaque from the middle on.
 *
 * Throws {@link UnusableImage}.
 */
export async function readImage(
  file: Blob,
  room: Size,
  palette: readonly Colour[] | null,
): Promise<ImportedImage> {
  if (file.size > FILE_MAX_BYTES) throw new UnusableImage("large");
  const bitmap = await decode(file);
  const most = { width: Math.min(room.width, SIDE_MAX), height: Math.min(room.height, SIDE_MAX) };
  const scale = Math.min(most.width / bitmap.width, most.height / bitmap.height, 1);
  const width = Math.max(Math.round(bitmap.width * scale), 1);
  const height = Math.max(Math.round(bitmap.height * scale), 1);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new UnusableImage("unreadable");
  context.imageSmoothingEnabled = scale < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = opaquePixels(new Uint32Array(data.buffer), palette);
  return { pixels: { x0: 0, y0: 0, width, height, pixels }, scaled: scale < 1 };
}

async function decode(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new UnusableImage("unreadable");
  }
}

/** Each pixel set (0xFFBBGGRR) or left out (0), in the palette's colours. */
export function opaquePixels(source: Uint32Array, palette: readonly Colour[] | null): Uint32Array {
  const nearest = palette ? nearestOf(palette) : (pixel: number) => (pixel | 0xff000000) >>> 0;
  return source.map((pixel) => (pixel >>> 24 < OPAQUE_FROM ? 0 : nearest(pixel)));
}

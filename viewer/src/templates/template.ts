/** A template: an image laid over the canvas to be painted after. */
import type { Box, Size } from "../canvas/geometry";

/** An image has no more pixels than this. */
export const IMAGE_PIXELS_MAX = 4_000_000;
/** Nor more on a side: browsers draw no larger pictures everywhere. */
export const IMAGE_SIDE_MAX = 8192;
/** Bytes of a file that is opened or fetched. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Pixels on a side of an area that is captured. */
export const CAPTURE_SIDE_MAX = 1024;
export const NAME_LENGTH_MAX = 60;

/** Pixels are 0xAABBGGRR: opaque ones, and 0 where there is nothing to paint. */
export interface TemplateImage extends Size {
  readonly pixels: Uint32Array;
}

export interface Template {
  readonly id: string;
  /** Which canvas it belongs to; see {@link canvasKey}. */
  readonly canvas: string;
  readonly name: string;
  /** The canvas pixel of its upper left corner; it may lie off the canvas. */
  readonly x: number;
  readonly y: number;
  /** 0 to 1. */
  readonly opacity: number;
  readonly visible: boolean;
  readonly image: TemplateImage;
  /** How many times it was enlarged when it came; it was brought back to its own pixels then. */
  readonly enlargement: number;
  /** Canvas pixels on a side of one of its own: 1 or {@link enlargement}. */
  readonly scale: number;
  /** Its address on this server if it was fetched from there. */
  readonly source: string | null;
}

/** What a new template starts from. */
export type TemplateDraft = Pick<Template, "name" | "image" | "enlargement" | "source">;

export function sizeOf({ image, scale }: Template): Size {
  return { width: image.width * scale, height: image.height * scale };
}

/** The canvas pixels under a template, also those off the canvas. */
export function areaOf(template: Template): Box {
  const { width, height } = sizeOf(template);
  const { x, y } = template;
  return { x0: x, y0: y, x1: x + width - 1, y1: y + height - 1 };
}

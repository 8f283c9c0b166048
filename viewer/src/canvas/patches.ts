/** Any pixels as PATCHes: as few pixels paid for, and as few messages, as is reasonable. */
import { zlibSync } from "fflate";
import { CLIENT_FRAME_MAX_BYTES, type Patch } from "../wire/wire.gen";
import { type Box, boxArea } from "./geometry";
import { PATCH_PIXELS_MAX, type Surface } from "./raster";
import { boxOf } from "./snapshot";

/** A PATCH without its stream: type, corners, length. */
const PATCH_HEAD_BYTES = 13;
/**
 * One message more is worth so many pixels paid for that nobody paints; of a large surface such a
 * share of its own.
 */
const MESSAGE_WORTH = 8;
const MESSAGE_WORTH_SHARE = 1 / 512;
/** The same where every pixel counts. */
const MESSAGE_WORTH_SHARE_THRIFTY = 1 / 4096;
/** So small a one is hardly shorter compressed, and compressing takes room and time. */
const STORED_PIXELS_MAX = 16;
const MERGED_PIXELS_MAX = 4 * 2 ** 20;

interface Plan {
  readonly boxes: readonly Box[];
  /** Pixels paid for, and the messages' worth. */
  readonly cost: number;
}

/** What it costs to send a surface's pixels (0: left alone), in pixels of the budget. */
export function costOfPatches(surface: Surface): number {
  return boxesOf(surface).reduce((sum, box) => sum + boxArea(box), 0);
}

/**
 * The PATCHes that paint a surface's pixels and leave alone where it has 0. `thrifty`: more of
 * them, so that hardly a pixel is paid for that isn't painted.
 */
export function patchesOf(surface: Surface, thrifty = false): Patch[] {
  return boxesOf(surface, thrifty).flatMap((box) => encodeBox(surface, box));
}

/** Surfaces as one where they lie close together, so that what adjoins goes in one PATCH. */
export function merged(surfaces: readonly Surface[]): readonly Surface[] {
  if (surfaces.length < 2) return surfaces;
  const boxes = surfaces.map(boxOf);
  const box: Box = {
    x0: Math.min(...boxes.map(({ x0 }) => x0)),
    y0: Math.min(...boxes.map(({ y0 }) => y0)),
    x1: Math.max(...boxes.map(({ x1 }) => x1)),
    y1: Math.max(...boxes.map(({ y1 }) => y1)),
  };
  if (boxArea(box) > MERGED_PIXELS_MAX) return surfaces;
  const width = box.x1 - box.x0 + 1;
  const pixels = new Uint32Array(boxArea(box));
  for (const surface of surfaces) {
    for (let y = 0; y < surface.height; y++) {
      const to = (surface.y0 + y - box.y0) * width + surface.x0 - box.x0;
      const row = surface.pixels.subarray(y * surface.width, (y + 1) * surface.width);
      pixels.set(row, to);
    }
  }
  return [{ x0: box.x0, y0: box.y0, width, height: box.y1 - box.y0 + 1, pixels }];
}

function boxesOf(surface: Surface, thrifty = false): readonly Box[] {
  let painted = 0;
  for (const pixel of surface.pixels) if (pixel !== 0) painted++;
  const worth = thrifty
    ? painted * MESSAGE_WORTH_SHARE_THRIFTY
    : Math.max(painted * MESSAGE_WORTH_SHARE, MESSAGE_WORTH);
  return plan(surface, boxOf(surface), worth).boxes;
}

/** Cuts in halves for as long as that saves more than the messages are worth. */
function plan(surface: Surface, within: Box, worth: number): Plan {
  const found = tighten(surface, within);
  if (found === null) return { boxes: [], cost: 0 };
  const { box, painted } = found;
  const area = boxArea(box);
  const whole = area <= PATCH_PIXELS_MAX ? area + worth : Infinity;
  const one: Plan = { boxes: [box], cost: whole };
  if (whole < Infinity && area - painted <= worth) return one;
  const [first, second] = halves(box).map((half) => plan(surface, half, worth));
  const cost = first.cost + second.cost;
  return cost < whole ? { boxes: [...first.boxes, ...second.boxes], cost } : one;
}

/** The smallest box that holds what is painted within a box, and how many pixels that are. */
function tighten(surface: Surface, within: Box): { box: Box; painted: number } | null {
  const { pixels, width } = surface;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  let painted = 0;
  for (let y = within.y0; y <= within.y1; y++) {
    const row = (y - surface.y0) * width - surface.x0;
    for (let x = within.x0; x <= within.x1; x++) {
      if (pixels[row + x] === 0) continue;
      painted++;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      y1 = y;
    }
  }
  return painted === 0 ? null : { box: { x0, y0, x1, y1 }, painted };
}

/** Across the longer side. A box of at least two pixels. */
function halves({ x0, y0, x1, y1 }: Box): [Box, Box] {
  if (x1 - x0 >= y1 - y0) {
    const middle = (x0 + x1) >> 1;
    return [
      { x0, y0, x1: middle, y1 },
      { x0: middle + 1, y0, x1, y1 },
    ];
  }
  const middle = (y0 + y1) >> 1;
  return [
    { x0, y0, x1, y1: middle },
    { x0, y0: middle + 1, x1, y1 },
  ];
}

/** One PATCH, or more where its stream would not fit in a frame. */
function encodeBox(surface: Surface, box: Box): Patch[] {
  const width = box.x1 - box.x0 + 1;
  const pixels = new Uint32Array(boxArea(box));
  for (let y = box.y0; y <= box.y1; y++) {
    const from = (y - surface.y0) * surface.width - surface.x0;
    pixels.set(surface.pixels.subarray(from + box.x0, from + box.x1 + 1), (y - box.y0) * width);
  }
  const level = pixels.length <= STORED_PIXELS_MAX ? 0 : 6;
  const data = zlibSync(new Uint8Array(pixels.buffer), { level });
  if (PATCH_HEAD_BYTES + data.length <= CLIENT_FRAME_MAX_BYTES) {
    return [{ type: "Patch", ...box, data: data as Uint8Array<ArrayBuffer> }];
  }
  return halves(box).flatMap((half) => encodeBox(surface, half));
}

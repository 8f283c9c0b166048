/**
 * Draws the drawing messages, exact to the pixel as the protocol fixes them (the server's
 * rasteriser and this one are held together by shared test vectors).
 */

import { inflateExactly } from "../wire/inflate";
import { type Patch, type Pixel, type Rect, RejectCode, type Stroke } from "../wire/wire.gen";
import { type Box, boxArea, canvasBox, intersect, type Size, tileKey, tilesOf } from "./geometry";

export type Drawing = Pixel | Stroke | Rect | Patch;

export const STROKE_POINTS_MAX = 4096;
export const SIZE_MAX = 64;
export const PATCH_PIXELS_MAX = 65_536;

/** RGBA pixels of a rectangle of the canvas, each one 0xAABBGGRR (little-endian bytes R G B A). */
export interface Surface extends Size {
  readonly x0: number;
  readonly y0: number;
  readonly pixels: Uint32Array;
}

/** Takes a run of pixels of row `y`, from `x0` to `x1` inclusive. */
export type EmitRun = (y: number, x0: number, x1: number) => void;

export interface DrawingLimits {
  readonly max_message_pixels: number;
  readonly max_message_tiles: number;
}

export function packColour(r: number, g: number, b: number): number {
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

export function unpackColour(pixel: number): [r: number, g: number, b: number] {
  return [pixel & 0xff, (pixel >> 8) & 0xff, (pixel >> 16) & 0xff];
}

/** The drawing's cost in pixels: known without rasterising or inflating. */
export function cost(drawing: Drawing): number {
  switch (drawing.type) {
    case "Pixel":
      return 1;
    case "Patch":
      return boxArea(drawing);
    case "Rect": {
      const hole = holeOf(drawing);
      return boxArea(drawing) - (hole ? boxArea(hole) : 0);
    }
    case "Stroke": {
      const { points, size } = drawing;
      let steps = 0;
      for (let i = 1; i < points.length; i++) steps += stepsBetween(points[i - 1], points[i]);
      return size * (size + points.length - 1 + steps);
    }
  }
}

/** Why the drawing can't be drawn on a canvas of this size, or null: value, bounds, then size. */
export function check(drawing: Drawing, size: Size, limits: DrawingLimits): number | null {
  if (!hasGoodValues(drawing)) return RejectCode.BAD_VALUE;
  const inside = canvasBox(size);
  const corners =
    drawing.type === "Stroke"
      ? drawing.points
      : drawing.type === "Pixel"
        ? [[drawing.x, drawing.y]]
        : [[drawing.x1, drawing.y1]];
  if (corners.some(([x, y]) => x > inside.x1 || y > inside.y1)) return RejectCode.OUT_OF_BOUNDS;
  if (cost(drawing) > limits.max_message_pixels) return RejectCode.TOO_LARGE;
  if (drawing.type === "Patch" && boxArea(drawing) > PATCH_PIXELS_MAX) return RejectCode.TOO_LARGE;
  if (tilesTouched(drawing, size).length > limits.max_message_tiles) return RejectCode.TOO_LARGE;
  if (drawing.type === "Patch" && patchPixels(drawing) === null) return RejectCode.BAD_VALUE;
  return null;
}

function hasGoodValues(drawing: Drawing): boolean {
  switch (drawing.type) {
    case "Pixel":
      return true;
    case "Stroke": {
      const n = drawing.points.length;
      return n >= 1 && n <= STROKE_POINTS_MAX && drawing.size >= 1 && drawing.size <= SIZE_MAX;
    }
    default:
      return drawing.x0 <= drawing.x1 && drawing.y0 <= drawing.y1;
  }
}

/** The box of pixels that the drawing may paint, cut off at the canvas's edge; null if empty. */
export function boundsOf(drawing: Drawing, size: Size): Box | null {
  const canvas = canvasBox(size);
  if (drawing.type === "Pixel") {
    return intersect({ x0: drawing.x, y0: drawing.y, x1: drawing.x, y1: drawing.y }, canvas);
  }
  if (drawing.type !== "Stroke") return intersect(drawing, canvas);
  let x0 = Infinity;
  let y0 = Infinity;
  let x1 = -Infinity;
  let y1 = -Infinity;
  for (const [x, y] of drawing.points) {
    x0 = Math.min(x0, x);
    y0 = Math.min(y0, y);
    x1 = Math.max(x1, x);
    y1 = Math.max(y1, y);
  }
  const before = drawing.size >> 1;
  const after = drawing.size - before - 1;
  return intersect({ x0: x0 - before, y0: y0 - before, x1: x1 + after, y1: y1 + after }, canvas);
}

/** The level-0 tiles, as [tx, ty], of which the drawing paints at least one pixel. */
export function tilesTouched(drawing: Drawing, size: Size): [tx: number, ty: number][] {
  const bounds = boundsOf(drawing, size);
  if (bounds === null) return [];
  if (drawing.type === "Patch") return patchTiles(drawing, size);
  const found = new Map<number, [number, number]>();
  eachRun(drawing, bounds, (y, x0, x1) => {
    const { x0: t0, x1: t1, y0: ty } = tilesOf({ x0, y0: y, x1, y1: y }, 0);
    for (let tx = t0; tx <= t1; tx++) {
      const key = tileKey(0, tx, ty);
      if (!found.has(key)) found.set(key, [tx, ty]);
    }
  });
  return [...found.values()];
}

function patchTiles(patch: Patch, size: Size): [number, number][] {
  const box = intersect(patch, canvasBox(size));
  const pixels = patchPixels(patch);
  if (box === null || pixels === null) return [];
  const found = new Map<number, [number, number]>();
  const width = patch.x1 - patch.x0 + 1;
  for (let y = box.y0; y <= box.y1; y++) {
    const row = (y - patch.y0) * width - patch.x0;
    for (let x = box.x0; x <= box.x1; x++) {
      if (pixels[row + x] === 0) continue;
      const { x0: tx, y0: ty } = tilesOf({ x0: x, y0: y, x1: x, y1: y }, 0);
      found.set(tileKey(0, tx, ty), [tx, ty]);
    }
  }
  return [...found.values()];
}

/** Paints the part of the drawing that lies on the surface and on the canvas; tells if any did. */
export function paint(drawing: Drawing, surface: Surface, size: Size): boolean {
  const area = intersect(
    {
      x0: surface.x0,
      y0: surface.y0,
      x1: surface.x0 + surface.width - 1,
      y1: surface.y0 + surface.height - 1,
    },
    canvasBox(size),
  );
  if (area === null) return false;
  if (drawing.type === "Patch") return paintPatch(drawing, surface, area);
  const colour = packColour(drawing.r, drawing.g, drawing.b);
  const { pixels, width } = surface;
  let painted = false;
  eachRun(drawing, area, (y, x0, x1) => {
    const row = (y - surface.y0) * width - surface.x0;
    pixels.fill(colour, row + x0, row + x1 + 1);
    painted = true;
  });
  return painted;
}

function paintPatch(patch: Patch, surface: Surface, area: Box): boolean {
  const box = intersect(patch, area);
  const source = box && patchPixels(patch);
  if (box === null || source === null) return false;
  const width = patch.x1 - patch.x0 + 1;
  let painted = false;
  for (let y = box.y0; y <= box.y1; y++) {
    const from = (y - patch.y0) * width - patch.x0;
    const to = (y - surface.y0) * surface.width - surface.x0;
    for (let x = box.x0; x <= box.x1; x++) {
      const pixel = source[from + x];
      if (pixel === 0) continue;
      surface.pixels[to + x] = pixel;
      painted = true;
    }
  }
  return painted;
}

const patches = new WeakMap<Patch, Uint32Array | null>();

/** The patch's pixels in rows, 0 where it leaves the canvas alone; null if its stream is wrong. */
export function patchPixels(patch: Patch): Uint32Array | null {
  let pixels = patches.get(patch);
  if (pixels === undefined) {
    pixels = readPatch(patch);
    patches.set(patch, pixels);
  }
  return pixels;
}

function readPatch(patch: Patch): Uint32Array | null {
  const bytes = inflateExactly(patch.data, boxArea(patch) * 4);
  if (bytes === null) return null;
  const pixels = new Uint32Array(bytes.buffer, bytes.byteOffset, boxArea(patch));
  for (let i = 0; i < pixels.length; i++) {
    const alpha = pixels[i] >>> 24;
    if (alpha === 0) pixels[i] = 0;
    else if (alpha !== 255) return null;
  }
  return pixels;
}

/**
 * Emits the drawing's pixels that lie in `area` as runs; runs may overlap.
 *
 * `drawing` must have good values.
 */
export function eachRun(drawing: Pixel | Stroke | Rect, area: Box, emit: EmitRun): void {
  switch (drawing.type) {
    case "Pixel": {
      const { x, y } = drawing;
      if (x >= area.x0 && x <= area.x1 && y >= area.y0 && y <= area.y1) emit(y, x, x);
      return;
    }
    case "Rect":
      rectRuns(drawing, area, emit);
      return;
    case "Stroke":
      strokeRuns(drawing, area, emit);
  }
}

/** What an outline leaves free inside; null if nothing. */
function holeOf({ line, x0, y0, x1, y1 }: Rect): Box | null {
  if (line === 0) return null;
  const hole = { x0: x0 + line, y0: y0 + line, x1: x1 - line, y1: y1 - line };
  return hole.x0 <= hole.x1 && hole.y0 <= hole.y1 ? hole : null;
}

function rectRuns(rect: Rect, area: Box, emit: EmitRun): void {
  const box = intersect(rect, area);
  if (box === null) return;
  const hole = holeOf(rect);
  for (let y = box.y0; y <= box.y1; y++) {
    if (hole === null || y < hole.y0 || y > hole.y1) {
      emit(y, box.x0, box.x1);
      continue;
    }
    const left = Math.min(box.x1, hole.x0 - 1);
    const right = Math.max(box.x0, hole.x1 + 1);
    if (box.x0 <= left) emit(y, box.x0, left);
    if (right <= box.x1) emit(y, right, box.x1);
  }
}

type Point = readonly [x: number, y: number];

const stepsBetween = (from: Point, to: Point) =>
  Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));

/** For each row of a disc, its first and last column, counted from its square's corner. */
export function discRows(size: number): readonly (readonly [first: number, last: number])[] {
  const rows: [number, number][] = [];
  for (let j = 0; j < size; j++) {
    const vertical = (2 * j + 1 - size) ** 2;
    let first = 0;
    while ((2 * first + 1 - size) ** 2 + vertical > size * size) first++;
    rows.push([first, size - 1 - first]);
  }
  return rows;
}

const discs = Array.from({ length: SIZE_MAX + 1 }, (_, size) => discRows(size));

function strokeRuns({ points, size }: Stroke, area: Box, emit: EmitRun): void {
  const before = size >> 1;
  for (let i = points.length === 1 ? 0 : 1; i < points.length; i++) {
    const from = points[Math.max(i - 1, 0)];
    const to = points[i];
    const top = Math.max(Math.min(from[1], to[1]) - before, area.y0);
    const bottom = Math.min(Math.max(from[1], to[1]) - before + size - 1, area.y1);
    const left = Math.min(from[0], to[0]) - before;
    const right = Math.max(from[0], to[0]) - before + size - 1;
    if (top > bottom || left > area.x1 || right < area.x0) continue;
    segmentRuns(from, to, size, { x0: area.x0, y0: top, x1: area.x1, y1: bottom }, emit);
  }
}

/**
 * One segment's runs. The discs that reach a row belong to neighbouring steps and overlap or
 * adjoin, so each row of a segment is a single run: its ends are all that has to be kept.
 */
function segmentRuns(from: Point, to: Point, size: number, area: Box, emit: EmitRun): void {
  const before = size >> 1;
  const disc = discs[size];
  const m = stepsBetween(from, to);
  const dx = Math.abs(to[0] - from[0]);
  const dy = Math.abs(to[1] - from[1]);
  const sx = Math.sign(to[0] - from[0]);
  const sy = Math.sign(to[1] - from[1]);
  const rows = area.y1 - area.y0 + 1;
  const firsts = new Int32Array(rows).fill(0x7fffffff);
  const lasts = new Int32Array(rows).fill(-0x80000000);
  const [start, end] = stepsNear(from, dx === m ? 0 : 1, dx === m ? sx : sy, m, size, area);
  for (let k = start; k <= end; k++) {
    const x = from[0] + (m === 0 ? 0 : sx * Math.floor((2 * k * dx + m) / (2 * m))) - before;
    const y = from[1] + (m === 0 ? 0 : sy * Math.floor((2 * k * dy + m) / (2 * m))) - before;
    const j1 = Math.min(size - 1, area.y1 - y);
    for (let j = Math.max(0, area.y0 - y); j <= j1; j++) {
      const row = y + j - area.y0;
      const [first, last] = disc[j];
      if (x + first < firsts[row]) firsts[row] = x + first;
      if (x + last > lasts[row]) lasts[row] = x + last;
    }
  }
  for (let row = 0; row < rows; row++) {
    const x0 = Math.max(firsts[row], area.x0);
    const x1 = Math.min(lasts[row], area.x1);
    if (x0 <= x1) emit(area.y0 + row, x0, x1);
  }
}

/** The steps of a segment whose disc can reach the area, by its longer axis: one pixel a step. */
function stepsNear(
  from: Point,
  axis: 0 | 1,
  sign: number,
  m: number,
  size: number,
  area: Box,
): [first: number, last: number] {
  const low = (axis === 0 ? area.x0 : area.y0) - size - from[axis];
  const high = (axis === 0 ? area.x1 : area.y1) + size - from[axis];
  const [first, last] = sign < 0 ? [-high, -low] : [low, high];
  return [Math.max(0, first), Math.min(m, last)];
}

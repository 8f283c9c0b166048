/** Tiles, levels and rectangles: the one place with index arithmetic on coordinates. */

/** Pixels on a side of a tile, at its own level. */
export const TILE = 64;
/** Largest coordinate that the wire holds. */
export const COORDINATE_MAX = 0xffff;

/** A rectangle that includes both its corners: of canvas pixels, or of tiles of one level. */
export interface Box {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** One number for a tile of a level: 4 bits of level, 10 of row, 10 of column. */
export function tileKey(level: number, tx: number, ty: number): number {
  return (level << 20) | (ty << 10) | tx;
}

/** Canvas pixels on a side of what a tile of `level` covers. */
export function tileSpan(level: number): number {
  return TILE * 2 ** level;
}

/** How many levels a canvas has: the last one is a single tile. */
export function levelCount(size: Size): number {
  let count = 1;
  while (tileSpan(count - 1) < Math.max(size.width, size.height)) count++;
  return count;
}

export function contains(box: Box, x: number, y: number): boolean {
  return x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
}

export function sameBox(a: Box, b: Box): boolean {
  return a.x0 === b.x0 && a.y0 === b.y0 && a.x1 === b.x1 && a.y1 === b.y1;
}

/** The common part of two boxes, or null if they have none. */
export function intersect(a: Box, b: Box): Box | null {
  const box = {
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  };
  return box.x0 <= box.x1 && box.y0 <= box.y1 ? box : null;
}

/** The smallest box that holds both. */
export function union(a: Box, b: Box): Box {
  if (contains(a, b.x0, b.y0) && contains(a, b.x1, b.y1)) return a;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

export function boxArea(box: Box): number {
  return (box.x1 - box.x0 + 1) * (box.y1 - box.y0 + 1);
}

export function canvasBox(size: Size): Box {
  return { x0: 0, y0: 0, x1: size.width - 1, y1: size.height - 1 };
}

/** The tiles of `level` that a box of canvas pixels lies on. */
export function tilesOf(box: Box, level: number): Box {
  const span = tileSpan(level);
  return {
    x0: Math.floor(box.x0 / span),
    y0: Math.floor(box.y0 / span),
    x1: Math.floor(box.x1 / span),
    y1: Math.floor(box.y1 / span),
  };
}

/** The canvas pixels that a box of tiles of `level` covers, cut off at the canvas's edge. */
export function pixelsOf(tiles: Box, level: number, size: Size): Box {
  const span = tileSpan(level);
  return {
    x0: tiles.x0 * span,
    y0: tiles.y0 * span,
    x1: Math.min(tiles.x1 * span + span, size.width) - 1,
    y1: Math.min(tiles.y1 * span + span, size.height) - 1,
  };
}

/** Grows a box of tiles by one tile on each side, as far as the canvas has any. */
export function withMargin(tiles: Box, level: number, size: Size): Box {
  const all = tilesOf(canvasBox(size), level);
  return {
    x0: Math.max(tiles.x0 - 1, 0),
    y0: Math.max(tiles.y0 - 1, 0),
    x1: Math.min(tiles.x1 + 1, all.x1),
    y1: Math.min(tiles.y1 + 1, all.y1),
  };
}

/** The part of a straight segment that lies in the box as [x, y, x, y], or null (Liang-Barsky). */
export function clipSegment(
  from: readonly [number, number],
  to: readonly [number, number],
  box: Box,
): [number, number, number, number] | null {
  const dx = to[0] - from[0];
  const dy = to[1] - from[1];
  let t0 = 0;
  let t1 = 1;
  const edges: [number, number][] = [
    [-dx, from[0] - box.x0],
    [dx, box.x1 - from[0]],
    [-dy, from[1] - box.y0],
    [dy, box.y1 - from[1]],
  ];
  for (const [p, q] of edges) {
    if (p === 0) {
      if (q < 0) return null;
    } else if (p < 0) t0 = Math.max(t0, q / p);
    else t1 = Math.min(t1, q / p);
  }
  if (t0 > t1) return null;
  return [from[0] + t0 * dx, from[1] + t0 * dy, from[0] + t1 * dx, from[1] + t1 * dy];
}

/** What is shown at level 0, own drawing included, as pixels to work with. */
import { type Box, contains, intersect, type Size, TILE, tilesOf } from "./geometry";
import { CHUNK, type PendingLayer } from "./pending";
import type { Surface } from "./raster";
import { INCOMPLETE, type TileStore } from "./store";

/** What a snapshot is taken of; a `Client` is one. */
export interface Shown {
  readonly store: TileStore;
  readonly pending: PendingLayer;
  readonly size: Size;
}

const TILES_PER_CHUNK = CHUNK / TILE;

/** Whether single pixels are shown, not an overview of them. */
export function isDetailed({ store }: Shown): boolean {
  return store.view?.level === 0;
}

/** A copy of a level-0 tile's 64 x 64 pixels; null unless it is in the view and has come. */
export function shownTile(shown: Shown, tx: number, ty: number): Uint32Array | null {
  const { store, pending, size } = shown;
  const { view } = store;
  if (view === null || view.level !== 0 || !contains(view.tiles, tx, ty)) return null;
  const tile = store.get(0, tx, ty);
  if (tile === undefined || tile.seq === INCOMPLETE) return null;
  const pixels = tile.pixels.slice();
  const cx = Math.floor(tx / TILES_PER_CHUNK);
  const cy = Math.floor(ty / TILES_PER_CHUNK);
  const own = pending.surface(cx, cy, size);
  if (own === null) return pixels;
  const from = (tile.y0 - own.y0) * own.width + tile.x0 - own.x0;
  for (let i = 0; i < pixels.length; i++) {
    const pixel = own.pixels[from + Math.floor(i / TILE) * own.width + (i % TILE)];
    if (pixel !== 0) pixels[i] = pixel;
  }
  return pixels;
}

/** The pixels of a box of the canvas, 0 where they aren't loaded. */
export function shownArea(shown: Shown, box: Box): Surface {
  const width = box.x1 - box.x0 + 1;
  const height = box.y1 - box.y0 + 1;
  const area: Surface = {
    x0: box.x0,
    y0: box.y0,
    width,
    height,
    pixels: new Uint32Array(width * height),
  };
  const tiles = tilesOf(box, 0);
  for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
    for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
      const pixels = shownTile(shown, tx, ty);
      if (pixels) copyTile(pixels, tx * TILE, ty * TILE, area);
    }
  }
  return area;
}

function copyTile(pixels: Uint32Array, x0: number, y0: number, area: Surface): void {
  const box = intersect({ x0, y0, x1: x0 + TILE - 1, y1: y0 + TILE - 1 }, boxOf(area));
  if (box === null) return;
  for (let y = box.y0; y <= box.y1; y++) {
    const from = (y - y0) * TILE - x0;
    const row = pixels.subarray(from + box.x0, from + box.x1 + 1);
    area.pixels.set(row, (y - area.y0) * area.width + box.x0 - area.x0);
  }
}

/** The canvas pixels that a surface covers. */
export function boxOf({ x0, y0, width, height }: Surface): Box {
  return { x0, y0, x1: x0 + width - 1, y1: y0 + height - 1 };
}

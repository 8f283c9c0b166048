/**
 * The tiles that this client holds, and how far each is complete.
 *
 * A level-0 tile is complete through the greater of its TILE's seq and the last CLOCK of a view
 * that holds it; at higher levels through its TILE's seq alone.
 */

import { inflate } from "../wire/inflate";
import { ENCODING_ONE_COLOUR, type Pixel, type Tile, type Viewport } from "../wire/wire.gen";
import {
  type Box,
  boxArea,
  contains,
  pixelsOf,
  type Size,
  TILE,
  tileKey,
  tileSpan,
  tilesOf,
} from "./geometry";
import { boundsOf, type Drawing, packColour, paint, type Surface } from "./raster";

/** A tile whose content is only good to look at until its snapshot comes. */
export const INCOMPLETE = -1;
const TILE_BYTES_RGB = TILE * TILE * 3;
/** Views whose CLOCK may still come; the server skips overtaken ones, so few are under way. */
const VIEWS_KEPT = 64;

/** `x0`, `y0` are in pixels of the tile's own level; at level 0 that is the canvas. */
export interface HeldTile extends Surface {
  readonly level: number;
  readonly tx: number;
  readonly ty: number;
  /** Complete through this seq, or {@link INCOMPLETE}. */
  seq: number;
}

/** What a VIEWPORT names: tiles of one level. */
export interface View {
  readonly level: number;
  readonly tiles: Box;
}

/** `x0` to `y1`: the changed pixels within the tile. */
export type TileListener = (tile: HeldTile, changed: Box) => void;

const WHOLE_TILE: Box = { x0: 0, y0: 0, x1: TILE - 1, y1: TILE - 1 };

export class TileStore {
  /** Called for each change of a tile's pixels. */
  onChange: TileListener = () => {};
  /** Called when what was held no longer counts. */
  onForget: () => void = () => {};
  view: View | null = null;
  /** In the order of last use, the oldest first. */
  private readonly tiles = new Map<number, HeldTile>();
  /** The views sent on this connection, by number. */
  private readonly views = new Map<number, View>();
  private viewCount = 0;
  private clockedView = 0;

  /** `spare`: how many tiles outside the view are kept, for coming back. */
  constructor(private readonly spare: number) {}

  get size(): number {
    return this.tiles.size;
  }

  get(level: number, tx: number, ty: number): HeldTile | undefined {
    return this.tiles.get(tileKey(level, tx, ty));
  }

  /** A new connection counts its views from 1, and its server knows of none. */
  connected(): void {
    this.views.clear();
    this.viewCount = 0;
    this.clockedView = 0;
    this.view = null;
  }

  /** The VIEWPORT message for a view, with what is still held of the part that is new. */
  look(view: View, size: Size): Viewport {
    const last = this.view?.level === view.level ? this.view.tiles : null;
    const known: [number, number, number][] = [];
    this.eachHeld(view, (tile) => {
      this.touch(tile);
      if (tile.seq === INCOMPLETE || (last && contains(last, tile.tx, tile.ty))) return;
      known.push([tile.tx, tile.ty, tile.seq]);
    });
    this.view = view;
    this.views.set(++this.viewCount, view);
    this.views.delete(this.viewCount - VIEWS_KEPT);
    this.evict();
    return {
      type: "Viewport",
      level: view.level,
      ...pixelsOf(view.tiles, view.level, size),
      known,
    };
  }

  /** Under VIEWPORT number `view`, everything up to `seq` has come. Returns that view. */
  clock(view: number, seq: number): View | null {
    const seen = this.views.get(view);
    if (seen === undefined) return null;
    this.clockedView = view;
    if (seen.level === 0) {
      this.eachHeld(seen, (tile) => {
        if (tile.seq !== INCOMPLETE && tile.seq < seq) tile.seq = seq;
      });
    }
    return seen;
  }

  /** Takes a snapshot. Throws RangeError if its payload is not a tile. */
  put(message: Tile): HeldTile {
    const { level, tx, ty, seq } = message;
    let tile = this.get(level, tx, ty);
    if (tile === undefined) {
      tile = {
        level,
        tx,
        ty,
        seq,
        x0: tx * TILE,
        y0: ty * TILE,
        width: TILE,
        height: TILE,
        pixels: new Uint32Array(TILE * TILE),
      };
      this.tiles.set(tileKey(level, tx, ty), tile);
    }
    readPayload(message, tile.pixels);
    tile.seq = seq;
    this.onChange(tile, WHOLE_TILE);
    return tile;
  }

  /** Draws on the level-0 tiles that are held. */
  draw(drawing: Drawing, size: Size): void {
    if (drawing.type === "Pixel") {
      this.drawPixel(drawing, size);
      return;
    }
    const bounds = boundsOf(drawing, size);
    if (bounds === null) return;
    this.eachHeld({ level: 0, tiles: tilesOf(bounds, 0) }, (tile) => {
      if (!paint(drawing, tile, size)) return;
      this.onChange(tile, {
        x0: Math.max(bounds.x0 - tile.x0, 0),
        y0: Math.max(bounds.y0 - tile.y0, 0),
        x1: Math.min(bounds.x1 - tile.x0, TILE - 1),
        y1: Math.min(bounds.y1 - tile.y0, TILE - 1),
      });
    });
  }

  /** Most of what comes is pixels: without a surface and runs for each. */
  private drawPixel({ x, y, r, g, b }: Pixel, size: Size): void {
    if (x >= size.width || y >= size.height) return;
    const tile = this.get(0, Math.floor(x / TILE), Math.floor(y / TILE));
    if (tile === undefined) return;
    const [dx, dy] = [x - tile.x0, y - tile.y0];
    tile.pixels[dy * TILE + dx] = packColour(r, g, b);
    this.onChange(tile, { x0: dx, y0: dy, x1: dx, y1: dy });
  }

  /** What the view shows at (x, y), as 0xAABBGGRR; null outside it or where it isn't loaded. */
  pixel(x: number, y: number): number | null {
    if (this.view === null) return null;
    const { level, tiles } = this.view;
    const { x0: tx, y0: ty } = tilesOf({ x0: x, y0: y, x1: x, y1: y }, level);
    const tile = contains(tiles, tx, ty) ? this.get(level, tx, ty) : undefined;
    if (tile === undefined || tile.seq === INCOMPLETE) return null;
    const scale = tileSpan(level) / TILE;
    return tile.pixels[(Math.floor(y / scale) - tile.y0) * TILE + Math.floor(x / scale) - tile.x0];
  }

  /**
   * Another epoch: nothing held counts any more. What is in view stays as something to look at
   * until its snapshot comes, so that the screen doesn't flash; all else is dropped.
   */
  forget(): void {
    const { view } = this;
    for (const [key, tile] of this.tiles) {
      if (view && tile.level === view.level && contains(view.tiles, tile.tx, tile.ty)) {
        tile.seq = INCOMPLETE;
      } else this.tiles.delete(key);
    }
    this.onForget();
  }

  /** Drops everything: the canvas has another size. */
  clear(): void {
    this.tiles.clear();
    this.onForget();
  }

  /** Whether the view is there: its CLOCK has come, and each of its tiles. */
  get loaded(): boolean {
    if (this.view === null || this.clockedView !== this.viewCount) return false;
    let held = 0;
    this.eachHeld(this.view, (tile) => {
      if (tile.seq !== INCOMPLETE) held++;
    });
    return held === boxArea(this.view.tiles);
  }

  private eachHeld({ level, tiles }: View, visit: (tile: HeldTile) => void): void {
    if (boxArea(tiles) > this.tiles.size) {
      for (const tile of [...this.tiles.values()]) {
        if (tile.level === level && contains(tiles, tile.tx, tile.ty)) visit(tile);
      }
      return;
    }
    for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
      for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
        const tile = this.get(level, tx, ty);
        if (tile) visit(tile);
      }
    }
  }

  private touch(tile: HeldTile): void {
    const key = tileKey(tile.level, tile.tx, tile.ty);
    this.tiles.delete(key);
    this.tiles.set(key, tile);
  }

  private evict(): void {
    const inView = this.view ? boxArea(this.view.tiles) : 0;
    let excess = this.tiles.size - inView - this.spare;
    // Those in view were touched last, so the oldest are outside it.
    for (const key of this.tiles.keys()) {
      if (excess-- <= 0) break;
      this.tiles.delete(key);
    }
  }
}

function readPayload({ encoding, payload }: Tile, pixels: Uint32Array): void {
  if (encoding === ENCODING_ONE_COLOUR) {
    if (payload.length !== 3) throw new RangeError("a one-colour tile has 3 bytes");
    pixels.fill(packColour(payload[0], payload[1], payload[2]));
    return;
  }
  const rgb = inflate(payload, TILE_BYTES_RGB);
  if (rgb === null) throw new RangeError("a tile's stream is damaged");
  for (let i = 0, at = 0; i < pixels.length; i++, at += 3) {
    pixels[i] = packColour(rgb[at], rgb[at + 1], rgb[at + 2]);
  }
}

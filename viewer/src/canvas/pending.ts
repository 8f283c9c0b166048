/**
 * Own drawing that the tiles don't show yet, in a layer of its own above them.
 *
 * A piece comes off when the server has handled it and each tile of the view that it touches shows
 * it: the tile got it as a live drawing, or is complete through the ACK's seq.
 */
import { encode } from "../wire/codec";
import {
  type Box,
  contains,
  intersect,
  type Size,
  TILE,
  tileKey,
  tileSpan,
  tilesOf,
} from "./geometry";
import type { Entry } from "./outbox";
import { boundsOf, type Drawing, paint, type Surface, tilesTouched } from "./raster";
import type { TileStore, View } from "./store";

/** Pixels on a side of a chunk: what the layer is drawn in. */
export const CHUNK = 256;
/** An overview tile comes within a quarter second if it changed; if not, none comes at all. */
const OVERVIEW_WAIT_MS = 2000;

export interface Piece {
  readonly entry: Entry;
  readonly drawing: Drawing;
  readonly bounds: Box;
  readonly tiles: readonly (readonly [tx: number, ty: number])[];
  /** The seq of the first ACK that covers it; null before. */
  seq: number | null;
  handledAt: number;
  /** It came back from the server, so every live tile shows it. */
  echoed: boolean;
}

export class PendingLayer {
  /** Called with the pixels that look different now. */
  onChange: (changed: Box) => void = () => {};
  private pieces: Piece[] = [];
  private readonly surfaces = new Map<number, Surface>();

  constructor(private readonly now: () => number) {}

  get count(): number {
    return this.pieces.length;
  }

  get all(): readonly Piece[] {
    return this.pieces;
  }

  add(entry: Entry, size: Size): void {
    const { drawing } = entry;
    const bounds = boundsOf(drawing, size);
    if (bounds === null) return;
    this.pieces.push({
      entry,
      drawing,
      bounds,
      tiles: tilesTouched(drawing, size),
      seq: null,
      handledAt: 0,
      echoed: false,
    });
    for (const surface of this.surfaces.values()) paint(drawing, surface, size);
    this.onChange(bounds);
  }

  /** Shows an entry again that had come off, because it must be sent again. */
  restore(entry: Entry, size: Size): void {
    const piece = this.pieces.find((piece) => piece.entry === entry);
    if (piece === undefined) {
      this.add(entry, size);
      return;
    }
    piece.seq = null;
    piece.echoed = false;
  }

  /** A drawing came from the server: if it is one of our own, the live tiles show it now. */
  echo(drawing: Drawing): void {
    const waiting = this.pieces.filter(({ entry, echoed }) => entry.n !== 0 && !echoed);
    if (waiting.length === 0) return;
    const bytes = encode(drawing);
    // Not only the next one: a piece that touched no tile of the view gets no echo.
    const match = waiting.find(({ entry }) => sameBytes(entry.bytes, bytes));
    if (match) match.echoed = true;
  }

  /** ACK covered these. */
  handled(entries: readonly Entry[], seq: number): void {
    const covered = new Set(entries);
    for (const piece of this.pieces) {
      if (!covered.has(piece.entry) || piece.seq !== null) continue;
      piece.seq = seq;
      piece.handledAt = this.now();
    }
  }

  /** Takes one off at once: it was refused, or given up. */
  remove(entry: Entry): void {
    this.takeOff((piece) => piece.entry === entry);
  }

  /** Another epoch: what was handled in the last one is in its snapshots, or must be sent again. */
  forgetHandled(): void {
    this.takeOff(({ seq }) => seq !== null);
  }

  /** Takes off what the tiles show by now. */
  settle(store: TileStore): void {
    if (this.pieces.some((piece) => piece.seq !== null)) {
      this.takeOff((piece) => this.isShown(piece, store));
    }
  }

  private isShown(piece: Piece, store: TileStore): boolean {
    const { seq } = piece;
    if (seq === null) return false;
    const { view } = store;
    if (view === null) return false;
    if (view.level > 0 && this.now() - piece.handledAt > OVERVIEW_WAIT_MS) return true;
    return tilesAt(piece, view).every(([tx, ty]) => {
      if (!contains(view.tiles, tx, ty)) return true;
      const tile = store.get(view.level, tx, ty);
      if (tile === undefined) return false;
      return (view.level === 0 && piece.echoed) || tile.seq >= seq;
    });
  }

  private takeOff(gone: (piece: Piece) => boolean): void {
    const taken = this.pieces.filter(gone);
    if (taken.length === 0) return;
    const set = new Set(taken);
    this.pieces = this.pieces.filter((piece) => !set.has(piece));
    for (const { bounds } of taken) {
      for (const [key, surface] of this.surfaces) {
        if (intersect(bounds, surfaceBox(surface))) this.surfaces.delete(key);
      }
      this.onChange(bounds);
    }
  }

  /** The layer's pixels on a chunk of the canvas (0 where there are none), or null if it is bare. */
  surface(cx: number, cy: number, size: Size): Surface | null {
    const key = tileKey(0, cx, cy);
    const held = this.surfaces.get(key);
    if (held) return held;
    const box = {
      x0: cx * CHUNK,
      y0: cy * CHUNK,
      x1: cx * CHUNK + CHUNK - 1,
      y1: cy * CHUNK + CHUNK - 1,
    };
    const pieces = this.pieces.filter(({ bounds }) => intersect(bounds, box));
    if (pieces.length === 0) return null;
    const surface: Surface = {
      x0: box.x0,
      y0: box.y0,
      width: CHUNK,
      height: CHUNK,
      pixels: new Uint32Array(CHUNK * CHUNK),
    };
    for (const { drawing } of pieces) paint(drawing, surface, size);
    this.surfaces.set(key, surface);
    return surface;
  }

  /** The layer's pixel at (x, y) as 0xAABBGGRR, or null where it has none. */
  pixel(x: number, y: number, size: Size): number | null {
    const surface: Surface = { x0: x, y0: y, width: 1, height: 1, pixels: new Uint32Array(1) };
    for (const { drawing, bounds } of this.pieces) {
      if (contains(bounds, x, y)) paint(drawing, surface, size);
    }
    return surface.pixels[0] === 0 ? null : surface.pixels[0];
  }
}

function surfaceBox({ x0, y0, width, height }: Surface): Box {
  return { x0, y0, x1: x0 + width - 1, y1: y0 + height - 1 };
}

/** The piece's tiles at the view's level. */
function tilesAt(piece: Piece, { level }: View): readonly (readonly [number, number])[] {
  if (level === 0) return piece.tiles;
  const found = new Map<number, readonly [number, number]>();
  const scale = tileSpan(level) / TILE;
  for (const [tx, ty] of piece.tiles) {
    const [x, y] = [Math.floor(tx / scale), Math.floor(ty / scale)];
    found.set(tileKey(level, x, y), [x, y]);
  }
  return [...found.values()];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** The chunks that a box of canvas pixels lies on. */
export function chunksOf(box: Box): Box {
  const { x0, y0, x1, y1 } = tilesOf(box, Math.log2(CHUNK / TILE));
  return { x0, y0, x1, y1 };
}

/**
 * Draws with Canvas 2D: tiles are gathered in chunks of 256 x 256 pixels, and of a chunk only what
 * changed is copied again.
 */

import {
  type Box,
  intersect,
  levelCount,
  TILE,
  tileKey,
  tileSpan,
  tilesOf,
  union,
} from "../canvas/geometry";
import { CHUNK, chunksOf, type PendingLayer } from "../canvas/pending";
import type { HeldTile, TileStore } from "../canvas/store";
import type { BackdropImage } from "./backdrop";
import type { Camera } from "./camera";
import type { Renderer, Scene } from "./renderer";
import { drawRoughly, type Origin } from "./rough";

const TILES_PER_CHUNK = CHUNK / TILE;
/** Chunks kept, each 256 KiB: two screens' worth, or what coarser levels show meanwhile. */
const CHUNKS_MAX = 320;

interface Chunk {
  readonly level: number;
  readonly cx: number;
  readonly cy: number;
  readonly context: CanvasRenderingContext2D;
  /** Changed tiles, each with the changed pixels within it. */
  readonly dirty: Map<HeldTile, Box>;
}

export class Canvas2dRenderer implements Renderer {
  private readonly context: CanvasRenderingContext2D;
  /** In the order of last use, the oldest first. */
  private readonly chunks = new Map<number, Chunk>();
  private readonly pendingChunks = new Map<number, CanvasRenderingContext2D>();
  private readonly images = new WeakMap<Uint32Array, ImageData>();

  constructor(private readonly element: HTMLCanvasElement) {
    const context = element.getContext("2d");
    if (context === null) throw new Error("this browser has no Canvas 2D");
    this.context = context;
  }

  resize(camera: Camera): void {
    this.element.width = Math.round(camera.screen.width * camera.pixelRatio);
    this.element.height = Math.round(camera.screen.height * camera.pixelRatio);
  }

  tileChanged(tile: HeldTile, changed: Box): void {
    const chunk = this.chunks.get(chunkKeyOf(tile));
    if (chunk === undefined) return;
    const dirty = chunk.dirty.get(tile);
    chunk.dirty.set(tile, dirty ? union(dirty, changed) : changed);
  }

  pendingChanged(changed: Box): void {
    for (const [key, { canvas }] of this.pendingChunks) {
      const x0 = Number(canvas.dataset.x0);
      const y0 = Number(canvas.dataset.y0);
      const box = { x0, y0, x1: x0 + CHUNK - 1, y1: y0 + CHUNK - 1 };
      if (intersect(box, changed)) this.pendingChunks.delete(key);
    }
  }

  clear(): void {
    this.chunks.clear();
    this.pendingChunks.clear();
  }

  draw(scene: Scene): void {
    const { context } = this;
    const { camera, view, background } = scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.element.width, this.element.height);
    const seen = camera.visible();
    if (seen === null || view === null) return;
    const scale = camera.zoom * camera.pixelRatio;
    const [left, top] = camera.toScreen(0, 0).map((at) => Math.round(at * camera.pixelRatio));
    const at: Origin = { left, top, scale };
    const { width, height } = camera.canvas;
    const right = Math.round(left + width * scale);
    const bottom = Math.round(top + height * scale);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.fillStyle = `rgb(${background.join(",")})`;
    context.fillRect(left, top, right - left, bottom - top);
    context.imageSmoothingEnabled = scale < 1;
    context.imageSmoothingQuality = "low";
    this.drawTiles(scene, seen, at);
    this.drawPending(scene, seen, at);
    context.restore();
  }

  private drawTiles(scene: Scene, seen: Box, at: Origin): void {
    const { store, view } = scene;
    if (view === null) return;
    const { level } = view;
    const tiles = tilesOf(seen, level);
    const missing = missingTiles(store, level, tiles);
    if (missing.length > 0) this.drawOtherLevels(scene, level, missing, seen, at);
    const { x0, y0, x1, y1 } = chunkBox(tiles);
    for (let cy = y0; cy <= y1; cy++) {
      for (let cx = x0; cx <= x1; cx++) {
        if (holdsAny(store, level, cx, cy)) this.drawChunk(this.chunk(store, level, cx, cy), at);
      }
    }
    this.evict();
  }

  /** What is there of coarser and finer levels, where tiles of the right one are missing. */
  private drawOtherLevels(
    scene: Scene,
    level: number,
    missing: readonly Box[],
    seen: Box,
    at: Origin,
  ): void {
    const { context } = this;
    this.buildCoarser(scene, level, seen);
    const others: (Chunk | BackdropImage)[] = [...scene.backdrop.images, ...this.chunks.values()];
    const useful = others.filter(
      (other) =>
        intersect(chunkPixels(other), seen) && (other.level !== level || "bitmap" in other),
    );
    // An image lies below the chunks of its level, which may have gaps but are newer.
    useful.sort((a, b) => b.level - a.level);
    context.save();
    context.beginPath();
    const span = tileSpan(level);
    for (const tiles of missing) {
      const [x, y, width, height] = deviceBox(tiles, span, at);
      // Smoothing mixes a tile's edge with the gap beside it.
      context.rect(x - 1, y - 1, width + 2, height + 2);
    }
    context.clip();
    // It is seen for a moment, several layers of it: speed counts.
    context.imageSmoothingEnabled = false;
    for (const other of useful) this.drawChunk(other, at);
    context.restore();
  }

  /** Tiles of coarser levels may be held that were never drawn. */
  private buildCoarser({ camera, store }: Scene, level: number, seen: Box): void {
    for (let coarser = level + 1; coarser < levelCount(camera.canvas); coarser++) {
      const { x0, y0, x1, y1 } = chunkBox(tilesOf(seen, coarser));
      for (let cy = y0; cy <= y1; cy++) {
        for (let cx = x0; cx <= x1; cx++) {
          if (holdsAny(store, coarser, cx, cy)) this.chunk(store, coarser, cx, cy);
        }
      }
    }
  }

  private drawChunk(chunk: Chunk | BackdropImage, at: Origin): void {
    const image = "bitmap" in chunk ? chunk.bitmap : chunk.context.canvas;
    this.drawSquare(image, chunk.cx, chunk.cy, CHUNK * 2 ** chunk.level, at);
  }

  /** Draws an image over square (cx, cy) of a grid; whole device pixels, so that none shows a seam. */
  private drawSquare(
    image: HTMLCanvasElement | ImageBitmap,
    cx: number,
    cy: number,
    span: number,
    at: Origin,
  ): void {
    const box = { x0: cx, y0: cy, x1: cx, y1: cy };
    this.context.drawImage(image, ...deviceBox(box, span, at));
  }

  /** The chunk with everything that the store holds of it. */
  private chunk(store: TileStore, level: number, cx: number, cy: number): Chunk {
    const key = tileKey(level, cx, cy);
    let chunk = this.chunks.get(key);
    if (chunk === undefined) {
      chunk = { level, cx, cy, context: newChunkContext(), dirty: new Map() };
      for (const [tx, ty] of tilesOfChunk(cx, cy)) {
        const tile = store.get(level, tx, ty);
        if (tile) chunk.dirty.set(tile, { x0: 0, y0: 0, x1: TILE - 1, y1: TILE - 1 });
      }
    } else this.chunks.delete(key);
    this.chunks.set(key, chunk);
    for (const [tile, { x0, y0, x1, y1 }] of chunk.dirty) {
      chunk.context.putImageData(
        this.image(tile.pixels, TILE),
        tile.x0 - cx * CHUNK,
        tile.y0 - cy * CHUNK,
        x0,
        y0,
        x1 - x0 + 1,
        y1 - y0 + 1,
      );
    }
    chunk.dirty.clear();
    return chunk;
  }

  /** An ImageData on the same memory. */
  private image(pixels: Uint32Array, width: number): ImageData {
    let image = this.images.get(pixels);
    if (image === undefined) {
      const bytes = new Uint8ClampedArray(pixels.buffer as ArrayBuffer);
      image = new ImageData(bytes, width);
      this.images.set(pixels, image);
    }
    return image;
  }

  private evict(): void {
    let excess = this.chunks.size - CHUNKS_MAX;
    for (const key of this.chunks.keys()) {
      if (excess-- <= 0) break;
      this.chunks.delete(key);
    }
  }

  private drawPending(scene: Scene, seen: Box, at: Origin): void {
    const { pending, view } = scene;
    if (pending.count === 0 || view === null) return;
    if (view.level > 0) {
      for (const { drawing, bounds } of pending.all) {
        if (intersect(bounds, seen)) drawRoughly(this.context, drawing, at);
      }
      return;
    }
    const chunks = chunksOf(seen);
    for (let cy = chunks.y0; cy <= chunks.y1; cy++) {
      for (let cx = chunks.x0; cx <= chunks.x1; cx++) {
        const chunk = this.pendingChunk(pending, scene, cx, cy);
        if (chunk) this.drawSquare(chunk.canvas, cx, cy, CHUNK, at);
      }
    }
  }

  private pendingChunk(
    pending: PendingLayer,
    { camera }: Scene,
    cx: number,
    cy: number,
  ): CanvasRenderingContext2D | null {
    const key = tileKey(0, cx, cy);
    const held = this.pendingChunks.get(key);
    if (held) return held;
    const surface = pending.surface(cx, cy, camera.canvas);
    if (surface === null) return null;
    const context = newChunkContext();
    context.canvas.dataset.x0 = String(surface.x0);
    context.canvas.dataset.y0 = String(surface.y0);
    context.putImageData(this.image(surface.pixels, CHUNK), 0, 0);
    this.pendingChunks.set(key, context);
    return context;
  }
}

function newChunkContext(): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = CHUNK;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("the browser has no room for another canvas");
  return context;
}

function tilesOfChunk(cx: number, cy: number): (readonly [tx: number, ty: number])[] {
  return Array.from({ length: TILES_PER_CHUNK ** 2 }, (_, i) => [
    cx * TILES_PER_CHUNK + (i % TILES_PER_CHUNK),
    cy * TILES_PER_CHUNK + Math.floor(i / TILES_PER_CHUNK),
  ]);
}

function holdsAny(store: TileStore, level: number, cx: number, cy: number): boolean {
  return tilesOfChunk(cx, cy).some(([tx, ty]) => store.get(level, tx, ty) !== undefined);
}

/** The tiles of a box that aren't held, as rows of neighbours. */
function missingTiles(store: TileStore, level: number, { x0, y0, x1, y1 }: Box): Box[] {
  const rows: Box[] = [];
  for (let ty = y0; ty <= y1; ty++) {
    let first = x0;
    for (let tx = x0; tx <= x1 + 1; tx++) {
      if (tx <= x1 && store.get(level, tx, ty) === undefined) continue;
      if (first < tx) rows.push({ x0: first, y0: ty, x1: tx - 1, y1: ty });
      first = tx + 1;
    }
  }
  return rows;
}

/** Squares of a grid of `span` canvas pixels on the screen: whole device pixels, so no seams. */
function deviceBox(
  { x0, y0, x1, y1 }: Box,
  span: number,
  { left, top, scale }: Origin,
): [x: number, y: number, width: number, height: number] {
  const x = Math.round(left + x0 * span * scale);
  const y = Math.round(top + y0 * span * scale);
  const right = Math.round(left + (x1 + 1) * span * scale);
  const bottom = Math.round(top + (y1 + 1) * span * scale);
  return [x, y, right - x, bottom - y];
}

/** The chunks of the same level that a box of tiles lies in. */
function chunkBox(tiles: Box): Box {
  return {
    x0: Math.floor(tiles.x0 / TILES_PER_CHUNK),
    y0: Math.floor(tiles.y0 / TILES_PER_CHUNK),
    x1: Math.floor(tiles.x1 / TILES_PER_CHUNK),
    y1: Math.floor(tiles.y1 / TILES_PER_CHUNK),
  };
}

function chunkKeyOf({ level, tx, ty }: HeldTile): number {
  const { x0, y0 } = chunkBox({ x0: tx, y0: ty, x1: tx, y1: ty });
  return tileKey(level, x0, y0);
}

/** The canvas pixels that a chunk covers. */
function chunkPixels({ level, cx, cy }: Chunk | BackdropImage): Box {
  const span = tileSpan(level) * TILES_PER_CHUNK;
  return {
    x0: cx * span,
    y0: cy * span,
    x1: (cx + 1) * span - 1,
    y1: (cy + 1) * span - 1,
  };
}

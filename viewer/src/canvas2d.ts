/**
 * Draws with Canvas 2D: tiles are gathered in chunks of 256 x 256 pixels, and of a chunk only what
 * changed is copied again.
 */
import type { Camera } from "./camera";
import { type Box, contains, intersect, TILE, tileKey, tileSpan, tilesOf } from "./geometry";
import { CHUNK, chunksOf, type PendingLayer } from "./pending";
import { type Drawing, patchPixels } from "./raster";
import type { Renderer, Scene } from "./renderer";
import type { HeldTile, TileStore } from "./store";

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

/** Where a frame's canvas lies on the surface, in device pixels. */
interface Placement {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
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
    const at: Placement = { left, top, scale };
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
    context.imageSmoothingQuality = "high";
    this.drawTiles(scene, seen, at);
    this.drawPending(scene, seen, at);
    context.restore();
  }

  private drawTiles({ store, view }: Scene, seen: Box, at: Placement): void {
    if (view === null) return;
    const { level } = view;
    const tiles = tilesOf(seen, level);
    if (!isComplete(store, level, tiles)) this.drawOtherLevels(level, seen, at);
    const chunks = chunkBox(tiles);
    for (let cy = chunks.y0; cy <= chunks.y1; cy++) {
      for (let cx = chunks.x0; cx <= chunks.x1; cx++) {
        this.drawChunk(this.chunk(store, level, cx, cy), at);
      }
    }
    this.evict();
  }

  /** What is there of coarser and finer levels, below what is missing of the right one. */
  private drawOtherLevels(level: number, seen: Box, at: Placement): void {
    const others = [...this.chunks.values()].filter(
      (chunk) => chunk.level !== level && intersect(chunkPixels(chunk), seen),
    );
    others.sort((a, b) => b.level - a.level);
    for (const chunk of others) this.drawChunk(chunk, at);
  }

  private drawChunk({ level, cx, cy, context }: Chunk, at: Placement): void {
    this.drawSquare(context.canvas, cx, cy, CHUNK * 2 ** level, at);
  }

  /** Draws an image over square (cx, cy) of a grid; whole device pixels, so that none shows a seam. */
  private drawSquare(
    image: HTMLCanvasElement,
    cx: number,
    cy: number,
    span: number,
    { left, top, scale }: Placement,
  ): void {
    const x0 = Math.round(left + cx * span * scale);
    const y0 = Math.round(top + cy * span * scale);
    const x1 = Math.round(left + (cx + 1) * span * scale);
    const y1 = Math.round(top + (cy + 1) * span * scale);
    this.context.drawImage(image, x0, y0, x1 - x0, y1 - y0);
  }

  /** The chunk with everything that the store holds of it. */
  private chunk(store: TileStore, level: number, cx: number, cy: number): Chunk {
    const key = tileKey(level, cx, cy);
    let chunk = this.chunks.get(key);
    if (chunk === undefined) {
      chunk = { level, cx, cy, context: newChunkContext(), dirty: new Map() };
      for (let i = 0; i < TILES_PER_CHUNK ** 2; i++) {
        const tx = cx * TILES_PER_CHUNK + (i & (TILES_PER_CHUNK - 1));
        const ty = cy * TILES_PER_CHUNK + Math.floor(i / TILES_PER_CHUNK);
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

  private drawPending(scene: Scene, seen: Box, at: Placement): void {
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

/** A drawing as shapes: where its pixels are smaller than the screen's, nobody sees the difference. */
function drawRoughly(
  context: CanvasRenderingContext2D,
  drawing: Drawing,
  { left, top, scale }: Placement,
): void {
  const fill = (x0: number, y0: number, width: number, height: number) =>
    context.fillRect(
      left + x0 * scale,
      top + y0 * scale,
      Math.max(width * scale, 1),
      Math.max(height * scale, 1),
    );
  if (drawing.type === "Patch") {
    drawPatchRoughly(drawing, fill, context);
    return;
  }
  const colour = `rgb(${drawing.r},${drawing.g},${drawing.b})`;
  context.fillStyle = context.strokeStyle = colour;
  if (drawing.type === "Pixel") {
    fill(drawing.x, drawing.y, 1, 1);
  } else if (drawing.type === "Stroke") {
    const middle = drawing.size % 2 === 0 ? 0 : 0.5;
    context.lineWidth = Math.max(drawing.size * scale, 1);
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const [x, y] of drawing.points) {
      context.lineTo(left + (x + middle) * scale, top + (y + middle) * scale);
    }
    const [[x, y]] = drawing.points;
    if (drawing.points.length === 1) {
      context.lineTo(left + (x + middle) * scale, top + (y + middle) * scale);
    }
    context.stroke();
  } else {
    const width = drawing.x1 - drawing.x0 + 1;
    const height = drawing.y1 - drawing.y0 + 1;
    const line = drawing.line === 0 ? height : Math.min(drawing.line, height);
    fill(drawing.x0, drawing.y0, width, line);
    if (drawing.line === 0) return;
    fill(drawing.x0, drawing.y1 + 1 - line, width, line);
    const side = Math.min(drawing.line, width);
    fill(drawing.x0, drawing.y0, side, height);
    fill(drawing.x1 + 1 - side, drawing.y0, side, height);
  }
}

function drawPatchRoughly(
  patch: Extract<Drawing, { type: "Patch" }>,
  fill: (x: number, y: number, width: number, height: number) => void,
  context: CanvasRenderingContext2D,
): void {
  const pixels = patchPixels(patch);
  if (pixels === null) return;
  const width = patch.x1 - patch.x0 + 1;
  for (let y = patch.y0, at = 0; y <= patch.y1; y++) {
    for (let x = patch.x0; x < patch.x0 + width; x++, at++) {
      if (pixels[at] === 0) continue;
      const [r, g, b] = [pixels[at] & 255, (pixels[at] >> 8) & 255, (pixels[at] >> 16) & 255];
      context.fillStyle = `rgb(${r},${g},${b})`;
      fill(x, y, 1, 1);
    }
  }
}

function newChunkContext(): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = CHUNK;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("the browser has no room for another canvas");
  return context;
}

function isComplete(store: TileStore, level: number, tiles: Box): boolean {
  for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
    for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
      if (store.get(level, tx, ty) === undefined) return false;
    }
  }
  return true;
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
function chunkPixels({ level, cx, cy }: Chunk): Box {
  const span = tileSpan(level) * TILES_PER_CHUNK;
  return {
    x0: cx * span,
    y0: cy * span,
    x1: (cx + 1) * span - 1,
    y1: (cy + 1) * span - 1,
  };
}

function union(a: Box, b: Box): Box {
  if (contains(a, b.x0, b.y0) && contains(a, b.x1, b.y1)) return a;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

/**
 * Coarse images of the canvas, to be seen where its tiles haven't come yet: all of it, and what
 * lies around the view. They come by HTTP and stand still; a browser's cache has them the next time.
 */

import { type Box, canvasBox, levelCount, tilesOf } from "../canvas/geometry";
import { CHUNK } from "../canvas/pending";
import type { Camera } from "./camera";

/** Levels from what is on the screen to what is kept around it: one image is two screens wide. */
const COARSER = 3;
/** An image is a tile of so many levels. */
const IMAGE_LEVELS = Math.log2(CHUNK / 64);
const IMAGES_MAX = 32;
/** Older than this, an image is asked for again. */
const FRESH_MS = 60_000;

/** Covers what chunk (cx, cy) of its level does. */
export interface BackdropImage {
  readonly level: number;
  readonly cx: number;
  readonly cy: number;
  readonly bitmap: ImageBitmap;
}

interface Entry {
  askedAt: number;
  image: BackdropImage | null;
}

export class Backdrop {
  /** Called when another image is there. */
  onChange: () => void = () => {};
  /** In the order of last use, the oldest first. */
  private readonly entries = new Map<string, Entry>();
  private generation = 0;

  /** `address`: the folder of the canvas's tile images, with its slash. */
  constructor(private readonly address: string) {}

  /** What is there, the coarsest first. */
  get images(): BackdropImage[] {
    const images = [...this.entries.values()].flatMap(({ image }) => image ?? []);
    return images.sort((a, b) => b.level - a.level);
  }

  /** Fetches what is missing around a view of that level. */
  look(camera: Camera, level: number): void {
    const seen = camera.visible();
    if (seen === null) return;
    const top = levelCount(camera.canvas) - 1 - IMAGE_LEVELS;
    // Where one image is as fine as the screen nearly, tiles are as quick.
    if (top <= level) return;
    this.fetch(top, 0, 0, top);
    const around = level + COARSER;
    if (around >= top) return;
    const { x0, y0, x1, y1 } = nearest(camera, around);
    for (let cy = y0; cy <= y1; cy++) {
      for (let cx = x0; cx <= x1; cx++) this.fetch(around, cx, cy, top);
    }
  }

  /** Another epoch, or another size: what was there counts no more. */
  clear(): void {
    this.generation++;
    this.entries.clear();
  }

  private fetch(level: number, cx: number, cy: number, top: number): void {
    const path = `${top - level}/${cx}/${cy}.png`;
    const entry = this.entries.get(path) ?? { askedAt: Number.NEGATIVE_INFINITY, image: null };
    this.entries.delete(path);
    this.entries.set(path, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= IMAGES_MAX) break;
      this.entries.delete(oldest);
    }
    const now = performance.now();
    if (now - entry.askedAt < FRESH_MS) return;
    entry.askedAt = now;
    const { generation } = this;
    load(this.address + path)
      .then((bitmap) => {
        if (generation !== this.generation) return;
        entry.image = { level, cx, cy, bitmap };
        this.onChange();
      })
      // It is only for looks: the next time will do.
      .catch(() => {});
  }
}

async function load(url: string): Promise<ImageBitmap> {
  const answer = await fetch(url, { priority: "low" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return createImageBitmap(await answer.blob());
}

/** The images of a level that are nearest to the middle of the screen: two by two. */
function nearest({ x, y, canvas }: Camera, level: number): Box {
  const half = (CHUNK * 2 ** level) / 2;
  const all = canvasBox(canvas);
  const box = {
    x0: Math.max(x - half, 0),
    y0: Math.max(y - half, 0),
    x1: Math.min(x + half, all.x1),
    y1: Math.min(y + half, all.y1),
  };
  return tilesOf(box, level + IMAGE_LEVELS);
}

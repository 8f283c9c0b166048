/**
 * A template held against the canvas: what each pixel should be, and whether it is.
 *
 * Both are worked out a little at a time, so that no frame waits for them: first the palette's
 * nearest colours row by row, then the canvas's tiles as they come and change. What was seen once
 * counts until it is seen again.
 */
import {
  type Box,
  boxArea,
  canvasBox,
  contains,
  intersect,
  type Size,
  TILE,
  tileKey,
  tilesOf,
} from "../canvas/geometry";
import { type HeldTile, INCOMPLETE, type TileStore } from "../canvas/store";
import type { TemplateImage } from "./template";

export const UNSEEN = 0;
export const WRONG = 1;
export const RIGHT = 2;

/** Pixels between two looks at the clock. */
const PIXELS_A_TURN = TILE * TILE;

/** How many of a template's pixels on the canvas are what they should be. */
export interface Progress {
  readonly total: number;
  readonly right: number;
  readonly wrong: number;
}

/** What of a tile is to be looked at, in canvas pixels; it grows in place, change by change. */
interface TileShare {
  readonly tx: number;
  readonly ty: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export class Comparison {
  readonly width: number;
  readonly height: number;
  /** The colour that each pixel should have, 0xAABBGGRR; 0 where the template has none. */
  readonly targets: Uint32Array;
  /** {@link UNSEEN}, {@link WRONG} or {@link RIGHT} for each pixel that should have a colour. */
  readonly states: Uint8Array;
  /** Called with rows of {@link targets} that are known now. */
  onTargets: (y0: number, y1: number) => void = () => {};
  /** Called with where {@link states} changed, in the template's pixels. */
  onStates: (changed: Box) => void = () => {};
  private x = 0;
  private y = 0;
  /** The canvas pixels that it covers; null if it lies off the canvas. */
  private area: Box | null = null;
  private readonly counts = [0, 0, 0];
  private matchedRows = 0;
  /** Tiles to be looked at. */
  private readonly dirty = new Map<number, TileShare>();

  /** `match` gives the colour that is painted for one of the image's; null: the same. */
  constructor(
    private readonly image: TemplateImage,
    private readonly match: ((pixel: number) => number) | null,
  ) {
    this.width = image.width;
    this.height = image.height;
    this.targets = match ? new Uint32Array(image.pixels.length) : image.pixels;
    this.states = new Uint8Array(image.pixels.length);
  }

  get progress(): Progress {
    const [unseen, wrong, right] = this.counts;
    return { total: unseen + wrong + right, right, wrong };
  }

  /** How many rows of {@link targets} are known. */
  get matched(): number {
    return this.matchedRows;
  }

  /** Whether nothing is left to work out. */
  get settled(): boolean {
    return this.matchedRows === this.height && this.dirty.size === 0;
  }

  /** Lays it on the canvas with its upper left corner at (x, y); nothing counts as seen then. */
  place(x: number, y: number, canvas: Size): void {
    this.x = x;
    this.y = y;
    const { width, height } = this;
    const whole = { x0: x, y0: y, x1: x + width - 1, y1: y + height - 1 };
    this.area = intersect(whole, canvasBox(canvas));
    this.forget();
  }

  /** What was seen no longer counts. */
  forget(): void {
    this.states.fill(UNSEEN);
    this.counts.fill(0);
    this.dirty.clear();
    this.onStates({ x0: 0, y0: 0, x1: this.width - 1, y1: this.height - 1 });
    if (this.matchedRows === this.height) this.lookAtAll();
  }

  /** A tile's pixels changed: `changed` is within the tile. */
  tileChanged({ level, tx, ty, x0, y0 }: HeldTile, changed: Box): void {
    const { area } = this;
    if (level !== 0 || area === null || this.matchedRows < this.height) return;
    const left = Math.max(x0 + changed.x0, area.x0);
    const top = Math.max(y0 + changed.y0, area.y0);
    const right = Math.min(x0 + changed.x1, area.x1);
    const bottom = Math.min(y0 + changed.y1, area.y1);
    if (left <= right && top <= bottom) this.look(tx, ty, left, top, right, bottom);
  }

  /** Works until `deadline` at most, as `now` tells the time. Returns whether anything changed. */
  work(store: TileStore, deadline: number, now: () => number): boolean {
    if (this.settled) return false;
    const rows = Math.max(Math.floor(PIXELS_A_TURN / this.width), 1);
    while (this.matchedRows < this.height) {
      this.matchRows(rows);
      if (now() >= deadline) return true;
    }
    let done = 0;
    for (const [key, share] of this.dirty) {
      this.dirty.delete(key);
      const tile = store.get(0, share.tx, share.ty);
      if (tile === undefined || tile.seq === INCOMPLETE) continue;
      this.compare(tile, share);
      done += boxArea(share);
      if (done >= PIXELS_A_TURN) {
        done = 0;
        if (now() >= deadline) break;
      }
    }
    return true;
  }

  /** The colour that a canvas pixel should have, 0xAABBGGRR; 0 if the template has none there. */
  target(x: number, y: number): number {
    const { area } = this;
    if (area === null || !contains(area, x, y)) return 0;
    return this.targets[(y - this.y) * this.width + x - this.x];
  }

  /**
   * The canvas pixel nearest to (x, y) that is wrong as far as is known, and that `accept` takes;
   * null if there is none.
   */
  nearestWrong(
    x: number,
    y: number,
    accept: (x: number, y: number) => boolean,
  ): readonly [x: number, y: number] | null {
    const { area } = this;
    if (area === null || this.counts[WRONG] === 0) return null;
    let best: readonly [number, number] | null = null;
    let least = Infinity;
    for (const py of inOrderFrom(y, area.y0, area.y1)) {
      const dy2 = (py - y) ** 2;
      if (dy2 >= least) break;
      const row = (py - this.y) * this.width - this.x;
      const states = this.states.subarray(row + area.x0, row + area.x1 + 1);
      const px = nearestIn(states, x - area.x0, (at) => accept(at + area.x0, py));
      if (px === null) continue;
      const away = dy2 + (px + area.x0 - x) ** 2;
      if (away >= least) continue;
      least = away;
      best = [px + area.x0, py];
    }
    return best;
  }

  private matchRows(count: number): void {
    const { image, match, matchedRows, width } = this;
    const end = Math.min(matchedRows + count, this.height);
    if (match) {
      for (let i = matchedRows * width; i < end * width; i++) {
        const pixel = image.pixels[i];
        if (pixel !== 0) this.targets[i] = match(pixel);
      }
    }
    this.matchedRows = end;
    this.onTargets(matchedRows, end - 1);
    if (end === this.height) this.lookAtAll();
  }

  private lookAtAll(): void {
    const { area, targets, width } = this;
    if (area === null) return;
    let total = 0;
    for (let y = area.y0; y <= area.y1; y++) {
      const row = (y - this.y) * width - this.x;
      for (let i = row + area.x0; i <= row + area.x1; i++) if (targets[i] !== 0) total++;
    }
    this.counts[UNSEEN] = total;
    const tiles = tilesOf(area, 0);
    for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
      for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
        const [x0, y0] = [tx * TILE, ty * TILE];
        const box = intersect(area, { x0, y0, x1: x0 + TILE - 1, y1: y0 + TILE - 1 });
        if (box) this.look(tx, ty, box.x0, box.y0, box.x1, box.y1);
      }
    }
  }

  private look(tx: number, ty: number, x0: number, y0: number, x1: number, y1: number): void {
    const key = tileKey(0, tx, ty);
    const share = this.dirty.get(key);
    if (share === undefined) {
      this.dirty.set(key, { tx, ty, x0, y0, x1, y1 });
      return;
    }
    share.x0 = Math.min(share.x0, x0);
    share.y0 = Math.min(share.y0, y0);
    share.x1 = Math.max(share.x1, x1);
    share.y1 = Math.max(share.y1, y1);
  }

  private compare(tile: HeldTile, box: Box): void {
    const { counts, states, targets, width } = this;
    let changed = false;
    for (let y = box.y0; y <= box.y1; y++) {
      const row = (y - this.y) * width - this.x;
      const shown = (y - tile.y0) * TILE - tile.x0;
      for (let x = box.x0; x <= box.x1; x++) {
        const target = targets[row + x];
        if (target === 0) continue;
        const now = tile.pixels[shown + x] === target ? RIGHT : WRONG;
        const was = states[row + x];
        if (now === was) continue;
        states[row + x] = now;
        counts[was]--;
        counts[now]++;
        changed = true;
      }
    }
    if (!changed) return;
    this.onStates({
      x0: box.x0 - this.x,
      y0: box.y0 - this.y,
      x1: box.x1 - this.x,
      y1: box.y1 - this.y,
    });
  }
}

/** All whole numbers from `low` to `high`, those nearest to `from` first. */
function* inOrderFrom(from: number, low: number, high: number): Generator<number> {
  const start = Math.min(Math.max(from, low), high);
  yield start;
  for (let away = 1; start - away >= low || start + away <= high; away++) {
    if (start - away >= low) yield start - away;
    if (start + away <= high) yield start + away;
  }
}

/** The accepted wrong pixel of a row that is nearest to `from`, which may lie off it; or null. */
function nearestIn(
  states: Uint8Array,
  from: number,
  accept: (at: number) => boolean,
): number | null {
  const start = Math.min(Math.max(from, 0), states.length - 1);
  let after = states.indexOf(WRONG, start);
  while (after !== -1 && !accept(after)) after = states.indexOf(WRONG, after + 1);
  let before = start === 0 ? -1 : states.lastIndexOf(WRONG, start - 1);
  while (before !== -1 && !accept(before)) {
    before = before === 0 ? -1 : states.lastIndexOf(WRONG, before - 1);
  }
  if (after === -1) return before === -1 ? null : before;
  return before === -1 || after - from <= from - before ? after : before;
}

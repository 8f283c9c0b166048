/** What part of the canvas is on the screen. Screen units are CSS pixels. */
import {
  type Box,
  boxArea,
  canvasBox,
  intersect,
  type Size,
  tilesOf,
  union,
  withMargin,
} from "../canvas/geometry";
import type { View } from "../canvas/store";

export const ZOOM_MAX = 40;
/** The whole canvas is shown with this much of the screen free around it. */
const FIT_SHARE = 0.9;
/** A level is left for the next when its pixels are smaller than this on the screen. */
const LEVEL_PIXEL_MIN = Math.SQRT1_2;

/** Parts of the screen that panels cover, so that "fit" keeps the canvas clear of them. */
export interface Insets {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** What is asked for besides what is on the screen. */
export interface Surroundings {
  /** The canvas pixels by which the view is about to move. */
  readonly ahead: readonly [dx: number, dy: number];
  /** Whether the tiles around it are asked for too. */
  readonly margin: boolean;
}

const AROUND: Surroundings = { ahead: [0, 0], margin: true };

export class Camera {
  /** The canvas point in the middle of the screen. */
  x = 0;
  y = 0;
  /** Screen pixels for each canvas pixel. */
  zoom = 1;
  screen: Size = { width: 1, height: 1 };
  pixelRatio = 1;
  canvas: Size = { width: 1, height: 1 };
  insets: Insets = { top: 0, right: 0, bottom: 0, left: 0 };
  /** Called after each change of what is seen. */
  onChange: () => void = () => {};

  get zoomMin(): number {
    return Math.min(this.fitZoom, 1);
  }

  private get free(): Size {
    const { insets, screen } = this;
    return {
      width: Math.max(screen.width - insets.left - insets.right, 1),
      height: Math.max(screen.height - insets.top - insets.bottom, 1),
    };
  }

  private get fitZoom(): number {
    const { width, height } = this.free;
    const zoom = Math.min(width / this.canvas.width, height / this.canvas.height) * FIT_SHARE;
    return Math.min(zoom, ZOOM_MAX);
  }

  resize(screen: Size, pixelRatio: number): void {
    this.screen = screen;
    this.pixelRatio = pixelRatio;
    this.moveTo(this.x, this.y, this.zoom);
  }

  /** Puts a canvas point in the middle of the screen; stays on the canvas and within the zooms. */
  moveTo(x: number, y: number, zoom: number): void {
    this.zoom = clamp(zoom, this.zoomMin, ZOOM_MAX);
    this.x = clamp(x, 0, this.canvas.width);
    this.y = clamp(y, 0, this.canvas.height);
    this.onChange();
  }

  /** Shows the whole canvas, in the part of the screen that no panel covers. */
  fit(): void {
    const { insets, canvas } = this;
    const zoom = this.fitZoom;
    this.moveTo(
      canvas.width / 2 + (insets.right - insets.left) / 2 / zoom,
      canvas.height / 2 + (insets.bottom - insets.top) / 2 / zoom,
      zoom,
    );
  }

  /** Moves what is seen along with a drag of (dx, dy) screen pixels. */
  panBy(dx: number, dy: number): void {
    this.moveTo(this.x - dx / this.zoom, this.y - dy / this.zoom, this.zoom);
  }

  /** Zooms so that the canvas point under the screen point stays there. */
  zoomAt(sx: number, sy: number, factor: number): void {
    const [x, y] = this.toCanvas(sx, sy);
    const zoom = clamp(this.zoom * factor, this.zoomMin, ZOOM_MAX);
    const { width, height } = this.screen;
    this.moveTo(x - (sx - width / 2) / zoom, y - (sy - height / 2) / zoom, zoom);
  }

  /** The canvas point (a fraction of pixels) under a screen point. */
  toCanvas(sx: number, sy: number): [x: number, y: number] {
    const { width, height } = this.screen;
    return [this.x + (sx - width / 2) / this.zoom, this.y + (sy - height / 2) / this.zoom];
  }

  /** The screen point over a canvas point. */
  toScreen(x: number, y: number): [sx: number, sy: number] {
    const { width, height } = this.screen;
    return [(x - this.x) * this.zoom + width / 2, (y - this.y) * this.zoom + height / 2];
  }

  /** Moves as little as needed for a canvas point to be at least `margin` from the screen's edge. */
  reveal(x: number, y: number, margin: number): void {
    const [sx, sy] = this.toScreen(x, y);
    const { insets, screen } = this;
    const dx = outside(sx, insets.left + margin, screen.width - insets.right - margin);
    const dy = outside(sy, insets.top + margin, screen.height - insets.bottom - margin);
    if (dx !== 0 || dy !== 0) this.panBy(-dx, -dy);
  }

  /** The canvas pixels on the screen; null if there are none. */
  visible(): Box | null {
    const [x0, y0] = this.toCanvas(0, 0);
    const [x1, y1] = this.toCanvas(this.screen.width, this.screen.height);
    const seen = {
      x0: Math.floor(x0),
      y0: Math.floor(y0),
      x1: Math.ceil(x1) - 1,
      y1: Math.ceil(y1) - 1,
    };
    return intersect(seen, canvasBox(this.canvas));
  }

  /** The level whose pixels are closest to the screen's own. */
  level(levels: number): number {
    const deviceZoom = this.zoom * this.pixelRatio;
    const level = Math.ceil(Math.log2(LEVEL_PIXEL_MIN / deviceZoom));
    return clamp(level, 0, levels - 1);
  }

  /**
   * The tiles to ask for: those on the screen and some around, at the level that suits it, or a
   * coarser one where `most` tiles aren't enough.
   */
  view(levels: number, most: number, { ahead, margin }: Surroundings = AROUND): View | null {
    const seen = this.visible();
    if (seen === null) return null;
    for (let level = this.level(levels); ; level++) {
      const tiles = tilesOf(seen, level);
      const wide = margin ? withMargin(tiles, level, this.canvas) : tiles;
      const far = union(wide, tilesOf(shifted(seen, ahead, this.canvas), level));
      for (const some of [far, wide, tiles]) {
        if (boxArea(some) <= most) return { level, tiles: some };
      }
      if (level === levels - 1) return { level, tiles };
    }
  }
}

/** A box of canvas pixels, moved and kept on the canvas. */
function shifted(box: Box, [dx, dy]: readonly [number, number], { width, height }: Size): Box {
  const right = clamp(Math.round(dx), -box.x0, width - 1 - box.x1);
  const down = clamp(Math.round(dy), -box.y0, height - 1 - box.y1);
  return { x0: box.x0 + right, y0: box.y0 + down, x1: box.x1 + right, y1: box.y1 + down };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function outside(value: number, low: number, high: number): number {
  if (low > high) return value - (low + high) / 2;
  return value < low ? value - low : value > high ? value - high : 0;
}

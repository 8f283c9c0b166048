/** A rectangle of the canvas that was selected, and pixels that float above it until put down. */
import { signal } from "@preact/signals";
import type { Client } from "../canvas/client";
import { type Box, boxArea, canvasBox, contains, intersect, sameBox } from "../canvas/geometry";
import { costOfPatches } from "../canvas/patches";
import { cost, type Drawing, type Surface } from "../canvas/raster";
import { boxOf, isDetailed, shownArea } from "../canvas/snapshot";
import { announcement } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { PixelPoint } from "./tools/pixels";
import type { SelectionMoves } from "./tools/tools";

/** What the server takes in one message; so much is selected at most. */
const PIXELS_MAX = 1_048_576;

/** Pixels on their way to another place; 0 where they leave the canvas as it is. */
export interface Floating {
  readonly pixels: Surface;
  /** What they were lifted from, which becomes background; null: they were pasted. */
  readonly hole: Box | null;
  /** Of putting them down, in pixels of the budget. */
  readonly cost: number;
}

export interface SelectionHooks {
  /** The PATCHes that paint a surface's pixels, at a cost that can be afforded if there are any. */
  patches(surface: Surface): readonly Drawing[];
  /** Draws all of these as one step, or none if they can't be afforded. */
  drawAll(drawings: readonly Drawing[]): boolean;
  /** Tells what putting down would cost; null: nothing is floating. */
  plan(cost: number | null): void;
  changed(): void;
}

export class Selection implements SelectionMoves {
  readonly area = signal<Box | null>(null);
  readonly floating = signal<Floating | null>(null);
  /** What was copied last. */
  readonly clipboard = signal<Surface | null>(null);

  constructor(
    private readonly client: Client,
    private readonly hooks: SelectionHooks,
  ) {
    this.area.subscribe(() => hooks.changed());
    this.floating.subscribe((floating) => {
      hooks.plan(floating?.cost ?? null);
      hooks.changed();
    });
  }

  /** Where the selection is, floating or not; null: nothing is selected. */
  get box(): Box | null {
    return this.floating.value ? boxOf(this.floating.value.pixels) : this.area.value;
  }

  holds([x, y]: PixelPoint): boolean {
    return this.box !== null && contains(this.box, x, y);
  }

  select(box: Box | null): void {
    this.area.value = box;
  }

  tell(): void {
    if (this.area.value === null) return;
    const { x0, y0, x1, y1 } = this.area.value;
    announcement.value = texts.value.selection.selected(x1 - x0 + 1, y1 - y0 + 1, x0, y0);
  }

  lift(): boolean {
    if (this.floating.value) return true;
    const { value: hole } = this.area;
    const pixels = hole && this.read(hole);
    if (hole === null || pixels === null) return false;
    this.area.value = null;
    this.floating.value = { pixels, hole, cost: boxArea(hole) + costOfPatches(pixels) };
    return true;
  }

  moveBy(dx: number, dy: number): void {
    const { value: floating } = this.floating;
    if (floating === null || (dx === 0 && dy === 0)) return;
    this.floating.value = { ...floating, pixels: this.movedTo(floating.pixels, dx, dy) };
  }

  /** Some of it stays on the canvas. */
  private movedTo(pixels: Surface, dx: number, dy: number): Surface {
    const { width, height } = this.client.size;
    return {
      ...pixels,
      x0: Math.min(Math.max(pixels.x0 + dx, 1 - pixels.width), width - 1),
      y0: Math.min(Math.max(pixels.y0 + dy, 1 - pixels.height), height - 1),
    };
  }

  /** Moves it by keys; false if there is nothing to move. */
  nudge(dx: number, dy: number): boolean {
    if (this.box === null) return false;
    if (!this.lift()) return true;
    this.moveBy(dx, dy);
    const { box } = this;
    if (box) announcement.value = texts.value.selection.movedTo(box.x0, box.y0);
    return true;
  }

  drop(): boolean {
    const { value: floating } = this.floating;
    if (floating === null) return true;
    const { pixels, hole } = floating;
    const back = hole !== null && sameBox(boxOf(pixels), hole);
    const onCanvas = onlyOn(pixels, canvasBox(this.client.size));
    const drawings: Drawing[] = [];
    if (!back && hole) drawings.push(this.blank(hole));
    if (!back && onCanvas) drawings.push(...this.hooks.patches(onCanvas));
    if (!back && !this.hooks.drawAll(drawings)) return false;
    this.floating.value = null;
    announcement.value = texts.value.selection.placed(pixels.x0, pixels.y0);
    return true;
  }

  /** Puts nothing down: what was lifted is back. Returns whether anything was selected. */
  giveUp(): boolean {
    if (this.box === null) return false;
    this.floating.value = null;
    this.area.value = null;
    return true;
  }

  copy(): boolean {
    const { value: floating } = this.floating;
    const { value: area } = this.area;
    const pixels = floating?.pixels ?? (area && this.read(area));
    if (!pixels) return false;
    this.clipboard.value = pixels;
    const said = texts.value.selection.copied(pixels.width, pixels.height);
    announcement.value = said;
    toast(said, "info", "copied");
    return true;
  }

  cut(): void {
    if (this.copy()) this.clear();
  }

  /** Paints the background over what is selected; of what was pasted nothing stays. */
  clear(): void {
    const area = this.floating.value ? this.floating.value.hole : this.area.value;
    if (area && boxArea(area) > PIXELS_MAX) {
      toast(texts.value.selection.large, "warning");
      return;
    }
    if (area && !this.hooks.drawAll([this.blank(area)])) return;
    this.giveUp();
  }

  /** Lets pixels float with their middle on a canvas point, or where they would be cut, beside. */
  float(pixels: Surface, [x, y]: PixelPoint): void {
    if (!this.drop()) return;
    const { width, height } = this.client.size;
    const x0 = beside(x - (pixels.width >> 1), pixels.width, width);
    const y0 = beside(y - (pixels.height >> 1), pixels.height, height);
    this.area.value = null;
    this.floating.value = {
      pixels: { ...pixels, x0, y0 },
      hole: null,
      cost: costOfPatches(pixels),
    };
    announcement.value = texts.value.selection.pasted(pixels.width, pixels.height);
  }

  /** The pixels of an area; null if they can't be had, which the person is told. */
  private read(area: Box): Surface | null {
    const said = texts.value.selection;
    if (boxArea(area) > PIXELS_MAX) {
      toast(said.large, "warning");
      return null;
    }
    if (!isDetailed(this.client)) {
      toast(said.zoomIn, "warning");
      return null;
    }
    const pixels = shownArea(this.client, area);
    if (!pixels.pixels.includes(0)) return pixels;
    toast(said.notLoaded, "warning");
    return null;
  }

  private blank({ x0, y0, x1, y1 }: Box): Drawing {
    const [r, g, b] = this.client.info.value?.background ?? [255, 255, 255];
    return { type: "Rect", line: 0, x0, y0, x1, y1, r, g, b };
  }
}

/** What drawings cost together, in pixels of the budget. */
export function costOf(drawings: readonly Drawing[]): number {
  return drawings.reduce((sum, drawing) => sum + cost(drawing), 0);
}

/** The part of a surface that lies in a box; null if none does. */
function onlyOn(surface: Surface, within: Box): Surface | null {
  const box = intersect(boxOf(surface), within);
  if (box === null || sameBox(box, boxOf(surface))) return box && surface;
  const width = box.x1 - box.x0 + 1;
  const height = box.y1 - box.y0 + 1;
  const pixels = new Uint32Array(width * height);
  for (let y = box.y0; y <= box.y1; y++) {
    const from = (y - surface.y0) * surface.width - surface.x0;
    pixels.set(surface.pixels.subarray(from + box.x0, from + box.x1 + 1), (y - box.y0) * width);
  }
  return { x0: box.x0, y0: box.y0, width, height, pixels };
}

/** A start so that `length` pixels lie within `whole` if they fit, else around its middle. */
function beside(start: number, length: number, whole: number): number {
  if (length > whole) return (whole - length) >> 1;
  return Math.min(Math.max(start, 0), whole - length);
}

/** Makes a template of an area of the canvas: a rectangle is dragged, or marked with the keys. */

import { type Box, boxArea, canvasBox, intersect, TILE, tilesOf } from "../geometry";
import type { Layer, LayerScene } from "../layers/layer";
import { type Mode, mode } from "../mode";
import { announcement, hovered, panelOpen } from "../state";
import { INCOMPLETE, type TileStore } from "../store";
import { texts } from "../texts";
import { toast } from "../toasts";
import { type PixelPoint, pixelAt } from "../tools/pixels";
import type { CanvasPoint, Gesture } from "../tools/tools";
import { CAPTURE_SIDE_MAX, type TemplateImage } from "./template";
import type { Templates } from "./templates";

export class CaptureMode implements Mode, Layer {
  readonly above = true;
  private from: PixelPoint | null = null;
  private to: PixelPoint | null = null;

  private constructor(private readonly templates: Templates) {}

  /** Begins; the panel makes way for the canvas. */
  static start(templates: Templates): void {
    mode.value?.cancel();
    panelOpen.value = null;
    const capture = new CaptureMode(templates);
    mode.value = capture;
    announcement.value = capture.text();
    templates.viewer.overlay.layers.push(capture);
    templates.viewer.focus();
  }

  text(): string {
    return texts.value.templates.capturing;
  }

  begin(at: CanvasPoint): Gesture {
    const { client } = this.templates.viewer;
    this.from = this.to = pixelAt(at, 1, client.size);
    return {
      move: (points) => {
        this.to = pixelAt(points[points.length - 1], 1, client.size);
      },
      frame: () => {},
      end: () => this.finish(),
      cancel: () => {
        this.from = this.to = null;
      },
    };
  }

  step(): boolean {
    return false;
  }

  /** The first time it marks a corner, the second time the one across. */
  press(cursor: PixelPoint | null): void {
    if (cursor === null) return;
    if (this.from === null) {
      this.from = cursor;
      announcement.value = texts.value.templates.cornerAt(...cursor);
      return;
    }
    this.to = cursor;
    this.finish();
  }

  cancel(): void {
    this.end();
  }

  draw(context: CanvasRenderingContext2D, { place }: LayerScene): void {
    const box = this.box;
    if (box === null) return;
    const left = place.x(box.x0);
    const top = place.y(box.y0);
    const sides = [place.x(box.x1 + 1) - left, place.y(box.y1 + 1) - top] as const;
    const dash = 6 * place.ratio;
    context.lineWidth = 2 * place.ratio;
    context.strokeStyle = "#000";
    context.strokeRect(left, top, ...sides);
    context.strokeStyle = "#fff";
    context.setLineDash([dash, dash]);
    context.strokeRect(left, top, ...sides);
  }

  private get box(): Box | null {
    const { from } = this;
    const to = this.to ?? hovered.value;
    if (from === null || to === null) return null;
    return {
      x0: Math.min(from[0], to[0]),
      y0: Math.min(from[1], to[1]),
      x1: Math.max(from[0], to[0]),
      y1: Math.max(from[1], to[1]),
    };
  }

  private finish(): void {
    const { box } = this;
    this.from = this.to = null;
    if (box === null) return;
    const said = texts.value.templates;
    const [width, height] = [box.x1 - box.x0 + 1, box.y1 - box.y0 + 1];
    if (Math.max(width, height) > CAPTURE_SIDE_MAX) {
      toast(said.captureTooLarge(CAPTURE_SIDE_MAX), "warning");
      return;
    }
    const { client } = this.templates.viewer;
    const image = intersect(box, canvasBox(client.size)) && capture(client.store, box);
    if (image === null) {
      toast(said.captureNotLoaded, "warning");
      return;
    }
    this.end();
    const name = said.captured(box.x0, box.y0);
    this.templates.add({ name, image, enlargement: 1, source: null }, { x: box.x0, y: box.y0 });
    panelOpen.value = "templates";
  }

  private end(): void {
    mode.value = null;
    const { layers } = this.templates.viewer.overlay;
    layers.splice(layers.indexOf(this), 1);
    this.templates.viewer.requestFrame();
  }
}

/** The canvas's pixels in a box; null if a tile of it isn't there. */
export function capture(store: TileStore, box: Box): TemplateImage | null {
  const width = box.x1 - box.x0 + 1;
  const pixels = new Uint32Array(boxArea(box));
  const tiles = tilesOf(box, 0);
  for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
    for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
      const tile = store.get(0, tx, ty);
      if (tile === undefined || tile.seq === INCOMPLETE) return null;
      const x0 = Math.max(tile.x0, box.x0);
      const x1 = Math.min(tile.x0 + TILE - 1, box.x1);
      const y1 = Math.min(tile.y0 + TILE - 1, box.y1);
      for (let y = Math.max(tile.y0, box.y0); y <= y1; y++) {
        const row = (y - tile.y0) * TILE - tile.x0;
        const run = tile.pixels.subarray(row + x0, row + x1 + 1);
        pixels.set(run, (y - box.y0) * width + x0 - box.x0);
      }
    }
  }
  return { width, height: box.y1 - box.y0 + 1, pixels };
}

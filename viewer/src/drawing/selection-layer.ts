/** The selection: what floats, the hole that it leaves, and a dashed frame. */
import type { Colour } from "../canvas/canvas-info";
import { type Box, intersect } from "../canvas/geometry";
import type { Surface } from "../canvas/raster";
import { boxOf } from "../canvas/snapshot";
import type { Layer, LayerScene } from "../view/layer";
import type { Placement } from "../view/placement";
import type { Selection } from "./selection";

const DASH_PX = 4;

export class SelectionLayer implements Layer {
  readonly above = true;
  /** What floats, as something to draw; by its pixels, which stay the same while it is moved. */
  private readonly images = new WeakMap<Uint32Array, HTMLCanvasElement>();

  constructor(
    private readonly selection: Selection,
    private readonly background: () => Colour,
  ) {}

  draw(context: CanvasRenderingContext2D, { seen, place }: LayerScene): void {
    const { value: floating } = this.selection.floating;
    if (floating) {
      if (floating.hole && intersect(floating.hole, seen)) {
        context.fillStyle = `rgb(${this.background().join(",")})`;
        context.fillRect(...onScreen(floating.hole, place));
      }
      const image = this.imageOf(floating.pixels);
      context.imageSmoothingEnabled = false;
      if (image) context.drawImage(image, ...onScreen(boxOf(floating.pixels), place));
    }
    const { box } = this.selection;
    if (box) drawFrame(context, box, place);
  }

  private imageOf({ width, height, pixels }: Surface): HTMLCanvasElement | null {
    const held = this.images.get(pixels);
    if (held) return held;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    if (context === null) return null;
    const bytes = new Uint8ClampedArray(pixels.buffer as ArrayBuffer);
    context.putImageData(new ImageData(bytes, width, height), 0, 0);
    this.images.set(pixels, canvas);
    return canvas;
  }
}

/** Light and dark dashes: seen on any colour. */
export function drawFrame(context: CanvasRenderingContext2D, box: Box, place: Placement): void {
  const line = Math.max(1, Math.round(place.ratio));
  const [left, top, width, height] = onScreen(box, place);
  const frame = [left - line / 2, top - line / 2, width + line, height + line] as const;
  context.lineWidth = line;
  context.strokeStyle = "#fff";
  context.strokeRect(...frame);
  context.strokeStyle = "#16181d";
  context.setLineDash([DASH_PX * line, DASH_PX * line]);
  context.strokeRect(...frame);
}

function onScreen({ x0, y0, x1, y1 }: Box, place: Placement): [number, number, number, number] {
  const left = place.x(x0);
  const top = place.y(y0);
  return [left, top, Math.max(place.x(x1 + 1) - left, 1), Math.max(place.y(y1 + 1) - top, 1)];
}

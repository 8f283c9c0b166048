/** Recent activity as heat over the canvas. */

import type { Layer, LayerScene } from "../view/layer";
import type { Activity, Heat } from "./activity";

/** From little to much. Ever lighter, so that it says the same without its hues. */
export const SCALE: readonly (readonly [r: number, g: number, b: number])[] = [
  [43, 16, 94],
  [126, 30, 122],
  [203, 60, 80],
  [246, 131, 26],
  [252, 230, 110],
];
const ALPHA_MIN = 0.5;
const ALPHA_MAX = 0.85;
/** Over the canvas, whose own colours would drown the scale's. */
const VEIL = "rgba(16, 13, 24, 0.6)";
/** Up to here a place is a spot of heat; from there on one looks at what is drawn in it. */
const SPOT_PX = 64;
const CLOSE_PX = 512;
const CLOSE_ALPHA = 0.35;

export class HeatLayer implements Layer {
  readonly above = false;
  private drawn: Activity | null = null;
  /** A pixel for each place; the screen's smoothing makes one surface of it. */
  private readonly picture = document.createElement("canvas");

  constructor(private readonly heat: Heat) {}

  draw(context: CanvasRenderingContext2D, { camera, seen, place }: LayerScene): void {
    const activity = this.heat.activity.peek();
    if (!this.heat.on.peek() || activity === null) return;
    const { span } = activity;
    if (activity !== this.drawn) {
      const columns = Math.ceil(camera.canvas.width / span);
      paint(this.picture, columns, Math.ceil(camera.canvas.height / span), activity);
      this.drawn = activity;
    }
    // Only what is on the screen, and a place around it for the smoothing.
    const x0 = Math.max(Math.floor(seen.x0 / span) - 1, 0);
    const y0 = Math.max(Math.floor(seen.y0 / span) - 1, 0);
    const x1 = Math.min(Math.floor(seen.x1 / span) + 2, this.picture.width);
    const y1 = Math.min(Math.floor(seen.y1 / span) + 2, this.picture.height);
    const { width, height } = camera.canvas;
    context.beginPath();
    context.rect(place.x(0), place.y(0), place.x(width) - place.x(0), place.y(height) - place.y(0));
    context.clip();
    context.globalAlpha = strength(span * camera.zoom);
    context.fillStyle = VEIL;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    const [left, top] = [place.x(x0 * span), place.y(y0 * span)];
    context.drawImage(
      this.picture,
      x0,
      y0,
      x1 - x0,
      y1 - y0,
      left,
      top,
      place.x(x1 * span) - left,
      place.y(y1 * span) - top,
    );
  }
}

function paint(
  picture: HTMLCanvasElement,
  columns: number,
  rows: number,
  { cells }: Activity,
): void {
  picture.width = columns;
  picture.height = rows;
  const context = picture.getContext("2d");
  if (context === null) return;
  const most = cells.reduce((greatest, { count }) => Math.max(greatest, count), 1);
  const image = context.createImageData(columns, rows);
  for (const { tx, ty, count } of cells) {
    if (tx >= columns || ty >= rows) continue;
    // Counts differ by orders of magnitude.
    image.data.set(colourAt(Math.log1p(count) / Math.log1p(most)), 4 * (ty * columns + tx));
  }
  context.putImageData(image, 0, 0);
}

/** How much of it is shown where a place is so large on the screen. */
function strength(side: number): number {
  const close = Math.log(side / SPOT_PX) / Math.log(CLOSE_PX / SPOT_PX);
  return 1 - (1 - CLOSE_ALPHA) * Math.min(Math.max(close, 0), 1);
}

/** The colour of a heat from 0 to 1, [r, g, b, a] of 0 to 255. */
export function colourAt(heat: number): [number, number, number, number] {
  const at = Math.min(Math.max(heat, 0), 1) * (SCALE.length - 1);
  const low = SCALE[Math.floor(at)];
  const high = SCALE[Math.ceil(at)];
  const part = at % 1;
  const [r, g, b] = low.map((channel, i) => Math.round(channel + (high[i] - channel) * part));
  return [r, g, b, Math.round(255 * (ALPHA_MIN + (ALPHA_MAX - ALPHA_MIN) * heat))];
}

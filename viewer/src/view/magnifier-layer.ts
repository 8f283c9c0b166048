/** What lies under a fingertip, enlarged above it, with the pixel marked that it is on. */
import type { Camera } from "./camera";
import type { Layer, LayerScene } from "./layer";

/** CSS pixels. */
const RADIUS_PX = 64;
const ABOVE_FINGER_PX = 104;
const MARGIN_PX = 8;
/** So large is a canvas pixel in it, or twice as large as on the screen if that is more. */
const PIXEL_PX = 8;
const GAIN_MIN = 2;
const GAIN_MAX = 8;

export interface Finger {
  readonly sx: number;
  readonly sy: number;
}

/** How much larger it shows what the screen shows at a zoom. */
export function gainAt(zoom: number): number {
  return Math.min(Math.max(PIXEL_PX / zoom, GAIN_MIN), GAIN_MAX);
}

/**
 * Where its middle is, in CSS pixels: above the finger, or where that is covered beside it,
 * towards the middle of the screen.
 */
export function placeOf({ sx, sy }: Finger, { screen, insets }: Camera): [x: number, y: number] {
  const reach = RADIUS_PX + MARGIN_PX;
  const within = (value: number, least: number, most: number) =>
    Math.max(least, Math.min(value, most));
  const above = sy - ABOVE_FINGER_PX;
  if (above >= insets.top + reach) return [within(sx, reach, screen.width - reach), above];
  const side = sx > screen.width / 2 ? -1 : 1;
  return [sx + side * ABOVE_FINGER_PX, Math.max(sy, insets.top + reach)];
}

export class MagnifierLayer implements Layer {
  readonly above = true;
  /** The finger that paints; null: nothing is shown. */
  finger: Finger | null = null;

  /** `picture` holds the canvas as it is on the screen. */
  constructor(private readonly picture: HTMLCanvasElement) {}

  draw(context: CanvasRenderingContext2D, { camera, place }: LayerScene): void {
    const { finger } = this;
    if (finger === null) return;
    const { ratio } = place;
    const gain = gainAt(camera.zoom);
    const [x, y] = placeOf(finger, camera).map((each) => each * ratio);
    const [fx, fy] = [finger.sx * ratio, finger.sy * ratio];
    const radius = RADIUS_PX * ratio;
    const reach = radius / gain;
    const circle = new Path2D();
    circle.arc(x, y, radius, 0, 2 * Math.PI);
    context.save();
    context.clip(circle);
    context.fillStyle = "#808080";
    context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    context.imageSmoothingEnabled = false;
    // What is drawn so far above the picture too: templates, the shape being dragged, the grid.
    const sources = this.picture.parentElement?.querySelectorAll("canvas") ?? [];
    for (const source of sources) {
      if (source.hidden) continue;
      context.drawImage(
        source,
        fx - reach,
        fy - reach,
        2 * reach,
        2 * reach,
        x - radius,
        y - radius,
        2 * radius,
        2 * radius,
      );
    }
    const [cx, cy] = camera.toCanvas(finger.sx, finger.sy).map(Math.floor);
    const [left, top] = [x + (place.x(cx) - fx) * gain, y + (place.y(cy) - fy) * gain];
    const side = Math.max((place.x(cx + 1) - place.x(cx)) * gain, 2 * ratio);
    // Around the pixel, which stays whole.
    const edge = 1.5 * ratio;
    outline(context, ratio, () =>
      context.strokeRect(left - edge, top - edge, side + 2 * edge, side + 2 * edge),
    );
    context.restore();
    outline(context, 2 * ratio, () => context.stroke(circle));
  }
}

/** Light on dark, to be seen on any colour. */
function outline(context: CanvasRenderingContext2D, width: number, stroke: () => void): void {
  context.strokeStyle = "rgba(0, 0, 0, 0.7)";
  context.lineWidth = 3 * width;
  stroke();
  context.strokeStyle = "#fff";
  context.lineWidth = width;
  stroke();
}

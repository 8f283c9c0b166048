/** Pencil, brush and eraser: a stroke that goes out in pieces while it is drawn. */
import type { Colour } from "../canvas-info";
import { clipSegment } from "../geometry";
import { isOnCanvas, type PixelPoint, pixelAt } from "./pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

/** A piece goes out with each animation frame, or when it has so many points. */
const POINTS_PER_PIECE = 32;

export class Freehand implements Gesture {
  private last: CanvasPoint;
  /** The pixels of the next piece; after the first piece it starts with the last one's end. */
  private points: PixelPoint[] = [];
  private fresh = false;

  constructor(
    private readonly context: ToolContext,
    private readonly size: number,
    private readonly colour: Colour,
    start: CanvasPoint,
  ) {
    this.last = start;
    if (isOnCanvas(start, context.canvas)) this.add(pixelAt(start, size, context.canvas));
  }

  move(points: readonly CanvasPoint[]): void {
    for (const point of points) this.moveTo(point);
  }

  /** The stroke breaks off where it leaves the canvas and goes on where it comes back. */
  private moveTo(point: CanvasPoint): void {
    const { canvas } = this.context;
    const box = { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height };
    const inside = clipSegment(this.last, point, box);
    const wasInside = isOnCanvas(this.last, canvas);
    this.last = point;
    if (inside === null) return;
    if (!wasInside) {
      this.frame();
      this.points = [];
      this.add(pixelAt([inside[0], inside[1]], this.size, canvas));
    }
    this.add(pixelAt([inside[2], inside[3]], this.size, canvas));
  }

  private add(pixel: PixelPoint): void {
    const last = this.points.at(-1);
    if (last && last[0] === pixel[0] && last[1] === pixel[1]) return;
    this.points.push(pixel);
    this.fresh = true;
    if (this.points.length >= POINTS_PER_PIECE) this.frame();
  }

  frame(): void {
    if (!this.fresh) return;
    this.fresh = false;
    const { points, size } = this;
    const [r, g, b] = this.colour;
    if (size === 1 && points.length === 1) {
      const [[x, y]] = points;
      this.context.draw({ type: "Pixel", x, y, r, g, b });
    } else this.context.draw({ type: "Stroke", size, r, g, b, points });
    this.points = points.slice(-1);
  }

  end(): void {
    this.frame();
  }

  cancel(): void {
    this.fresh = false;
  }
}

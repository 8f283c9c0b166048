/** Line and rectangle: shown while they are dragged, drawn when they are let go. */
import type { Drawing } from "../raster";
import { isOnCanvas, type PixelPoint, pixelAt } from "./pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

type Shape = (from: PixelPoint, to: PixelPoint, context: ToolContext) => Drawing;

export const line: Shape = (from, to, { colour: [r, g, b], brushSize }) => ({
  type: "Stroke",
  size: brushSize,
  r,
  g,
  b,
  points: [from, to],
});

export const rectangle: Shape = (from, to, { colour: [r, g, b], lineWidth }) => ({
  type: "Rect",
  line: lineWidth,
  x0: Math.min(from[0], to[0]),
  y0: Math.min(from[1], to[1]),
  x1: Math.max(from[0], to[0]),
  y1: Math.max(from[1], to[1]),
  r,
  g,
  b,
});

export class ShapeGesture implements Gesture {
  private readonly from: PixelPoint;
  private to: PixelPoint;
  private crossesCanvas: boolean;

  constructor(
    private readonly context: ToolContext,
    private readonly shape: Shape,
    private readonly size: number,
    start: CanvasPoint,
  ) {
    this.from = this.to = pixelAt(start, size, context.canvas);
    this.crossesCanvas = isOnCanvas(start, context.canvas);
    this.show();
  }

  move(points: readonly CanvasPoint[]): void {
    const point = points.at(-1);
    if (point === undefined) return;
    this.crossesCanvas ||= isOnCanvas(point, this.context.canvas);
    this.to = pixelAt(point, this.size, this.context.canvas);
    this.show();
  }

  private show(): void {
    this.context.preview(this.crossesCanvas ? this.drawing : null);
  }

  private get drawing(): Drawing {
    return this.shape(this.from, this.to, this.context);
  }

  frame(): void {}

  end(): void {
    this.context.preview(null);
    if (this.crossesCanvas) this.context.draw(this.drawing);
  }

  cancel(): void {
    this.context.preview(null);
  }
}

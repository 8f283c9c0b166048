/** Line and rectangle: shown while they are dragged, drawn when they are let go. */
import type { Box, Size } from "../../canvas/geometry";
import { cost, type Drawing } from "../../canvas/raster";
import { isOnCanvas, type PixelPoint, pixelAt } from "./pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

interface Shape {
  drawing(from: PixelPoint, to: PixelPoint, context: ToolContext): Drawing;
  /** The end instead of `to` while Shift is held. */
  straighten(from: PixelPoint, to: PixelPoint, canvas: Size): PixelPoint;
}

export const line: Shape = {
  drawing: (from, to, { colour: [r, g, b], brushSize }) => ({
    type: "Stroke",
    size: brushSize,
    r,
    g,
    b,
    points: [from, to],
  }),
  straighten(from, to, canvas) {
    const [dx, dy] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
    // Halfway between two steps of 45°, at 22.5°, one side is tan 22.5° of the other.
    const half = Math.SQRT2 - 1;
    if (dy < dx * half) return [to[0], from[1]];
    if (dx < dy * half) return [from[0], to[1]];
    return squareTo(from, to, canvas);
  },
};

export const rectangle: Shape = {
  drawing: (from, to, { colour: [r, g, b], lineWidth }) => ({
    type: "Rect",
    line: lineWidth,
    ...boxBetween(from, to),
    r,
    g,
    b,
  }),
  straighten: squareTo,
};

/** The box with two pixels as its corners. */
export function boxBetween(a: PixelPoint, b: PixelPoint): Box {
  return {
    x0: Math.min(a[0], b[0]),
    y0: Math.min(a[1], b[1]),
    x1: Math.max(a[0], b[0]),
    y1: Math.max(a[1], b[1]),
  };
}

/** The end on the diagonal, as far as the longer side goes and the canvas has room. */
export function squareTo(from: PixelPoint, to: PixelPoint, canvas: Size): PixelPoint {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const [sx, sy] = [dx < 0 ? -1 : 1, dy < 0 ? -1 : 1];
  const room = Math.min(
    sx < 0 ? from[0] : canvas.width - 1 - from[0],
    sy < 0 ? from[1] : canvas.height - 1 - from[1],
  );
  const side = Math.min(Math.max(Math.abs(dx), Math.abs(dy)), room);
  return [from[0] + sx * side, from[1] + sy * side];
}

export class ShapeGesture implements Gesture {
  private readonly from: PixelPoint;
  private to: PixelPoint;
  private crossesCanvas: boolean;
  private straight: boolean;

  constructor(
    private readonly context: ToolContext,
    private readonly shape: Shape,
    private readonly size: number,
    start: CanvasPoint,
  ) {
    this.from = this.to = pixelAt(start, size, context.canvas);
    this.crossesCanvas = isOnCanvas(start, context.canvas);
    this.straight = context.straight();
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
    this.straight = this.context.straight();
    const drawing = this.crossesCanvas ? this.drawing : null;
    this.context.preview(drawing);
    this.context.plan(drawing && cost(drawing));
  }

  private get drawing(): Drawing {
    const { context, from, shape, straight, to } = this;
    const end = straight ? shape.straighten(from, to, context.canvas) : to;
    return shape.drawing(from, end, context);
  }

  /** Shift may have been pressed or let go. */
  frame(): void {
    if (this.straight !== this.context.straight()) this.show();
  }

  end(): void {
    this.frame();
    this.hide();
    if (this.crossesCanvas) this.context.draw(this.drawing);
  }

  cancel(): void {
    this.hide();
  }

  private hide(): void {
    this.context.preview(null);
    this.context.plan(null);
  }
}

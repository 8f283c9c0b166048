/**
 * Pencil, brush and eraser: a stroke that goes out in pieces while it is drawn.
 *
 * With Shift it is straight: from the last stroke's end to where it begins, and from where Shift
 * was pressed to where it is let go.
 */
import type { Colour } from "../../canvas/canvas-info";
import { clipSegment } from "../../canvas/geometry";
import type { Stroke } from "../../wire/wire.gen";
import { isOnCanvas, type PixelPoint, pixelAt } from "./pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

/** A piece goes out with each animation frame, or when it has so many points. */
const POINTS_PER_PIECE = 32;

export class Freehand implements Gesture {
  private last: CanvasPoint;
  /** The pixels of the next piece; after the first piece it starts with the last one's end. */
  private points: PixelPoint[] = [];
  private fresh = false;
  /** Where the straight line that is being pulled out would end; null: none is. */
  private held: CanvasPoint | null = null;
  /** A piece couldn't be drawn: the rest would hang in the air. */
  private broken = false;

  constructor(
    private readonly context: ToolContext,
    private readonly size: number,
    private readonly colour: Colour,
    start: CanvasPoint,
  ) {
    this.last = start;
    if (!isOnCanvas(start, context.canvas)) return;
    if (context.straight() && context.lastEnd) this.add(context.lastEnd);
    this.add(pixelAt(start, size, context.canvas));
  }

  move(points: readonly CanvasPoint[]): void {
    if (this.broken) return;
    const point = points.at(-1);
    if (point === undefined) return;
    if (this.context.straight()) {
      this.frame();
      this.held = point;
      this.showHeld();
      return;
    }
    this.release();
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
      this.send();
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
    if (this.points.length >= POINTS_PER_PIECE) this.send();
  }

  frame(): void {
    if (this.held && !this.context.straight()) this.release();
    this.send();
  }

  private send(): void {
    if (!this.fresh || this.broken) return;
    this.fresh = false;
    const { points, size } = this;
    const [r, g, b] = this.colour;
    if (size === 1 && points.length === 1) {
      const [[x, y]] = points;
      this.broken = !this.context.draw({ type: "Pixel", x, y, r, g, b });
    } else this.broken = !this.context.draw(this.stroke(points));
    this.points = points.slice(-1);
  }

  private stroke(points: readonly PixelPoint[]): Stroke {
    const [r, g, b] = this.colour;
    return { type: "Stroke", size: this.size, r, g, b, points };
  }

  private showHeld(): void {
    const from = this.points.at(-1);
    if (this.held === null || from === undefined) return;
    this.context.preview(this.stroke([from, pixelAt(this.held, this.size, this.context.canvas)]));
  }

  /** Draws the straight line as far as it was pulled. */
  private release(): void {
    const { held } = this;
    if (held === null) return;
    this.held = null;
    this.context.preview(null);
    this.moveTo(held);
  }

  end(): void {
    this.release();
    this.send();
    const end = this.points.at(-1);
    if (end) this.context.ended(end);
  }

  cancel(): void {
    this.fresh = false;
    if (this.held) this.context.preview(null);
    this.held = null;
  }
}

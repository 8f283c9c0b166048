/** Select: drags a rectangle open, or moves what is selected. */
import { type Box, sameBox } from "../../canvas/geometry";
import { isOnCanvas, type PixelPoint, pixelAt } from "./pixels";
import { boxBetween, squareTo } from "./shape";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

export class Select implements Gesture {
  private readonly from: PixelPoint;
  private to: PixelPoint;
  private readonly moves: boolean;
  /** What floats can't be put down. */
  private readonly blocked: boolean;
  private crossesCanvas: boolean;
  private shown: Box | null = null;

  constructor(
    private readonly context: ToolContext,
    start: CanvasPoint,
  ) {
    const { canvas, selection } = context;
    const inside = isOnCanvas(start, canvas);
    const at: PixelPoint = [Math.floor(start[0]), Math.floor(start[1])];
    this.moves = selection.holds(at) && selection.lift();
    this.crossesCanvas = inside;
    this.from = this.to = this.moves ? at : pixelAt(start, 1, canvas);
    this.blocked = !this.moves && !selection.drop();
    if (!this.moves && !this.blocked) selection.select(null);
  }

  move(points: readonly CanvasPoint[]): void {
    const point = points.at(-1);
    if (point === undefined || this.blocked) return;
    const { canvas, selection } = this.context;
    if (this.moves) {
      const at: PixelPoint = [Math.floor(point[0]), Math.floor(point[1])];
      selection.moveBy(at[0] - this.to[0], at[1] - this.to[1]);
      this.to = at;
      return;
    }
    this.crossesCanvas ||= isOnCanvas(point, canvas);
    this.to = pixelAt(point, 1, canvas);
    this.show();
  }

  /** Shift may have been pressed or let go. */
  frame(): void {
    if (!this.moves && this.shown) this.show();
  }

  private show(): void {
    if (!this.crossesCanvas) return;
    const { canvas, selection } = this.context;
    const to = this.context.straight() ? squareTo(this.from, this.to, canvas) : this.to;
    const box = boxBetween(this.from, to);
    if (this.shown && sameBox(box, this.shown)) return;
    this.shown = box;
    selection.select(box);
  }

  end(): void {
    if (this.shown) this.context.selection.tell();
  }

  cancel(): void {
    if (this.shown) this.context.selection.select(null);
  }
}

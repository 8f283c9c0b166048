/** Flood fill: its cost is shown from the press on, and it is drawn on letting go. */
import { cost, type Drawing } from "../../canvas/raster";
import { isOnCanvas, pixelAt } from "./pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

export class Fill implements Gesture {
  private readonly drawings: readonly Drawing[];

  constructor(
    private readonly context: ToolContext,
    start: CanvasPoint,
  ) {
    const inside = isOnCanvas(start, context.canvas);
    this.drawings = inside ? context.fill(pixelAt(start, 1, context.canvas)) : [];
    if (this.drawings.length === 0) return;
    context.plan(this.drawings.reduce((sum, drawing) => sum + cost(drawing), 0));
  }

  move(): void {}

  frame(): void {}

  end(): void {
    this.context.plan(null);
    if (this.drawings.length > 0) this.context.drawAll(this.drawings);
  }

  cancel(): void {
    this.context.plan(null);
  }
}

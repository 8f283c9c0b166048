/** Takes the colour under the pointer, following it until it is let go. */
import type { CanvasPoint, Gesture, ToolContext } from "./tools";

export class Eyedropper implements Gesture {
  constructor(
    private readonly context: ToolContext,
    start: CanvasPoint,
  ) {
    context.pick(start);
  }

  move(points: readonly CanvasPoint[]): void {
    const point = points.at(-1);
    if (point) this.context.pick(point);
  }

  frame(): void {}

  end(): void {
    this.context.picked();
  }

  cancel(): void {}
}

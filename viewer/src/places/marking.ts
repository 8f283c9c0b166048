/** Marks a rectangle of the canvas: it is dragged, or two corners are set with the keys. */
import type { Box } from "../canvas/geometry";
import { type PixelPoint, pixelAt } from "../drawing/tools/pixels";
import type { CanvasPoint, Gesture } from "../drawing/tools/tools";
import { type Mode, mode } from "../mode";
import { announcement, hovered } from "../state";
import { texts } from "../texts";
import type { Layer, LayerScene } from "../view/layers/layer";
import { drawFrame } from "../view/layers/selection";
import type { Viewer } from "../viewer";

export class Marking implements Mode, Layer {
  readonly above = true;
  private from: PixelPoint | null = null;
  private to: PixelPoint | null = null;

  private constructor(
    private readonly viewer: Viewer,
    private readonly ended: (marked: Box | null) => void,
  ) {}

  /** Begins; `ended` gets the rectangle, or null if the person gave up. */
  static start(viewer: Viewer, ended: (marked: Box | null) => void): void {
    mode.value?.cancel();
    const marking = new Marking(viewer, ended);
    mode.value = marking;
    viewer.overlay.layers.push(marking);
    viewer.focus();
  }

  text(): string {
    return texts.value.share.marking;
  }

  begin(at: CanvasPoint): Gesture {
    this.from = this.to = this.pixel(at);
    return {
      move: (points) => {
        this.to = this.pixel(points[points.length - 1]);
      },
      frame: () => {},
      end: () => this.end(this.box),
      cancel: () => {
        this.from = this.to = null;
      },
    };
  }

  /** The pixel cursor goes to the other corner. */
  step(): boolean {
    return false;
  }

  press(cursor: PixelPoint | null): void {
    if (cursor === null) return;
    if (this.from === null) {
      this.from = cursor;
      announcement.value = texts.value.share.corner(...cursor);
      return;
    }
    this.to = cursor;
    this.end(this.box);
  }

  cancel(): void {
    this.end(null);
  }

  draw(context: CanvasRenderingContext2D, { place }: LayerScene): void {
    if (this.box) drawFrame(context, this.box, place);
  }

  /** The canvas's pixel next to a point, which may lie off it. */
  private pixel(at: CanvasPoint): PixelPoint {
    const { width, height } = this.viewer.client.size;
    const [x, y] = pixelAt(at, 1, { width, height });
    return [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
  }

  private get box(): Box | null {
    const { from } = this;
    const to = this.to ?? hovered.value;
    if (from === null || to === null) return null;
    return {
      x0: Math.min(from[0], to[0]),
      y0: Math.min(from[1], to[1]),
      x1: Math.max(from[0], to[0]),
      y1: Math.max(from[1], to[1]),
    };
  }

  private end(marked: Box | null): void {
    mode.value = null;
    const { layers } = this.viewer.overlay;
    layers.splice(layers.indexOf(this), 1);
    this.viewer.requestFrame();
    if (marked) {
      const { x0, y0, x1, y1 } = marked;
      announcement.value = texts.value.share.marked(x1 - x0 + 1, y1 - y0 + 1);
    }
    this.ended(marked);
  }
}

/** Marks a rectangle of the canvas: it is dragged, or two corners are set with the keys. */
import type { Box } from "../canvas/geometry";
import { drawFrame } from "../drawing/selection-layer";
import { type PixelPoint, pixelAt } from "../drawing/tools/pixels";
import type { CanvasPoint, Gesture } from "../drawing/tools/tools";
import { type Mode, mode } from "../mode";
import { announcement, hovered, panelOpen } from "../state";
import { texts } from "../texts";
import type { Layer, LayerScene } from "../view/layer";
import type { Viewer } from "../viewer";

/** What a rectangle is marked for. */
export interface MarkingTask {
  /** What to do. */
  text(): string;
  /** Takes the rectangle of pixels of the canvas; false: mark another one. */
  marked(box: Box): boolean;
  /** The person gave up. */
  cancelled?(): void;
}

export class Marking implements Mode, Layer {
  readonly above = true;
  private from: PixelPoint | null = null;
  private to: PixelPoint | null = null;

  private constructor(
    private readonly viewer: Viewer,
    private readonly task: MarkingTask,
  ) {}

  /** Begins; the panel that is open makes way for the canvas. */
  static start(viewer: Viewer, task: MarkingTask): void {
    mode.value?.cancel();
    panelOpen.value = null;
    const marking = new Marking(viewer, task);
    mode.value = marking;
    announcement.value = task.text();
    viewer.overlay.layers.push(marking);
    viewer.focus();
  }

  text(): string {
    return this.task.text();
  }

  begin(at: CanvasPoint): Gesture {
    this.from = this.to = this.pixel(at);
    return {
      move: (points) => {
        this.to = this.pixel(points[points.length - 1]);
      },
      frame: () => {},
      end: () => this.finish(),
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
      announcement.value = texts.value.marking.corner(...cursor);
      return;
    }
    this.to = cursor;
    this.finish();
  }

  cancel(): void {
    this.end();
    this.task.cancelled?.();
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

  private finish(): void {
    const { box } = this;
    this.from = this.to = null;
    this.viewer.requestFrame();
    if (box === null || !this.task.marked(box)) return;
    this.end();
    announcement.value = texts.value.marking.marked(box.x1 - box.x0 + 1, box.y1 - box.y0 + 1);
  }

  private end(): void {
    if (mode.value === this) mode.value = null;
    const { layers } = this.viewer.overlay;
    layers.splice(layers.indexOf(this), 1);
    this.viewer.requestFrame();
  }
}

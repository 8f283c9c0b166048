/** Takes the view to a place, softly, until whoever looks moves it otherwise. */
import type { Place } from "../address";
import type { Camera } from "../view/camera";

/** In so long all but a third of the way is covered. */
const DECAY_MS = 160;
const REST_PX = 0.4;
/** As a logarithm. */
const REST_ZOOM = 0.002;
/** A page that was hidden doesn't make up for it. */
const ELAPSED_MAX_MS = 100;

/** What a flight moves. */
export interface Flown {
  readonly camera: Camera;
  goto(place: Place): void;
}

export class Flight {
  /** Whether the view is being moved by this at the moment. */
  moving = false;
  private goal: Place | null = null;
  private frame = 0;
  private frameAt = 0;

  /** `still`: whether nothing may move by itself; then places are just shown. */
  constructor(
    private readonly view: Flown,
    private readonly still: () => boolean,
  ) {}

  /** Whether it is on its way. */
  get under(): boolean {
    return this.goal !== null;
  }

  to(place: Place): void {
    if (this.still()) {
      this.stop();
      this.show(place);
      return;
    }
    if (this.goal === null) {
      this.frameAt = performance.now();
      this.frame = requestAnimationFrame(() => this.step());
    }
    this.goal = place;
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.goal = null;
  }

  private step(): void {
    const { goal, view } = this;
    if (goal === null) return;
    const now = performance.now();
    const share = -Math.expm1(-Math.min(now - this.frameAt, ELAPSED_MAX_MS) / DECAY_MS);
    this.frameAt = now;
    const { x, y, zoom } = view.camera;
    const turn = Math.log(goal.zoom / zoom);
    const far = Math.hypot(goal.x - x, goal.y - y) * zoom > REST_PX || Math.abs(turn) > REST_ZOOM;
    if (!far) {
      this.goal = null;
      this.show(goal);
      return;
    }
    this.show({
      x: x + (goal.x - x) * share,
      y: y + (goal.y - y) * share,
      zoom: zoom * Math.exp(turn * share),
    });
    const { camera } = view;
    // At the canvas's edge, or at an end of the zooms, there is nowhere to go.
    if (share > 0 && camera.x === x && camera.y === y && camera.zoom === zoom) this.goal = null;
    else this.frame = requestAnimationFrame(() => this.step());
  }

  private show(place: Place): void {
    this.moving = true;
    this.view.goto(place);
    this.moving = false;
  }
}

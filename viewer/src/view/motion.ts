/**
 * Movement that goes on by itself: the way that is left after the view was let go, and steps of
 * the wheel and of keys, which are taken softly. Lengths are screen pixels.
 *
 * All of it decays exponentially, so it looks the same at any rate of frames.
 */
import { type Camera, ZOOM_MAX } from "./camera";

/** In so long all but a third of the way is covered. */
const FLICK_DECAY_MS = 325;
const GLIDE_DECAY_MS = 60;
const ZOOM_DECAY_MS = 55;
/** What a pointer did before that has no part in how fast it was when it let go. */
const FLICK_WINDOW_MS = 100;
/** A pointer that stood still for so long holds the view. */
const HELD_STILL_MS = 60;
const FLICK_MIN_PX_PER_MS = 0.15;
const FLICK_MAX_PX_PER_MS = 5;
/** A flick ends when it creeps; what is left of it is not worth showing. */
const FLICK_REST_PX = 4;
const GLIDE_REST_PX = 0.3;
/** As a logarithm. */
const ZOOM_REST = 0.002;

interface DragStep {
  readonly dx: number;
  readonly dy: number;
  /** In milliseconds. */
  readonly at: number;
}

export class Motion {
  /** The way still to go. */
  private restX = 0;
  private restY = 0;
  private flicking = false;
  /** The zoom still to come, as a logarithm, and the screen point that it leaves in place. */
  private restZoom = 0;
  private anchorX = 0;
  private anchorY = 0;
  private frameAt = 0;
  private steps: DragStep[] = [];

  /** `still`: whether nothing may move by itself. `now` is in milliseconds, as events' times are. */
  constructor(
    private readonly camera: Camera,
    private readonly still: () => boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether another frame is needed. */
  get moving(): boolean {
    return this.restX !== 0 || this.restY !== 0 || this.restZoom !== 0;
  }

  /** The view follows a pointer. */
  dragBy(dx: number, dy: number, at: number): void {
    this.stop();
    this.steps.push({ dx, dy, at });
    while (at - this.steps[0].at > FLICK_WINDOW_MS) this.steps.shift();
    this.camera.panBy(dx, dy);
  }

  /** The pointer let go: if it was fast, the view goes on. */
  letGo(at: number): void {
    const { steps } = this;
    this.steps = [];
    const last = steps[steps.length - 1];
    if (this.still() || last === undefined || at - last.at > HELD_STILL_MS) return;
    const elapsed = last.at - steps[0].at;
    if (elapsed <= 0) return;
    let vx = 0;
    let vy = 0;
    // The first step was done before the time that counts.
    for (const { dx, dy } of steps.slice(1)) {
      vx += dx / elapsed;
      vy += dy / elapsed;
    }
    const speed = Math.hypot(vx, vy);
    if (speed < FLICK_MIN_PX_PER_MS) return;
    const reach = Math.min(1, FLICK_MAX_PX_PER_MS / speed) * FLICK_DECAY_MS;
    this.begin();
    this.flicking = true;
    this.restX = vx * reach;
    this.restY = vy * reach;
  }

  /** Moves the view by a step, softly. */
  glideBy(dx: number, dy: number): void {
    this.stopFlick();
    if (this.still()) {
      this.camera.panBy(dx, dy);
      return;
    }
    this.begin();
    this.restX += dx;
    this.restY += dy;
  }

  /** Zooms about a screen point, softly; what is still to come of earlier steps counts. */
  zoomTowards(sx: number, sy: number, factor: number): void {
    this.stopFlick();
    const { camera } = this;
    if (this.still()) {
      camera.zoomAt(sx, sy, factor);
      return;
    }
    this.begin();
    this.anchorX = sx;
    this.anchorY = sy;
    const goal = camera.zoom * Math.exp(this.restZoom) * factor;
    const within = Math.min(Math.max(goal, camera.zoomMin), ZOOM_MAX);
    this.restZoom = Math.log(within / camera.zoom);
  }

  /** Stops where it is. */
  stop(): void {
    this.restX = this.restY = this.restZoom = 0;
    this.flicking = false;
  }

  /** Stops a view that was let go; steps are taken to their end. */
  stopFlick(): void {
    if (!this.flicking) return;
    this.restX = this.restY = 0;
    this.flicking = false;
  }

  /** What a pointer did so far is no drag. */
  forgetDrag(): void {
    this.steps = [];
  }

  /** Moves on to the present. */
  frame(): void {
    if (!this.moving) return;
    const now = this.now();
    const elapsed = Math.max(now - this.frameAt, 0);
    this.frameAt = now;
    this.pan(elapsed);
    this.zoom(elapsed);
  }

  private begin(): void {
    if (!this.moving) this.frameAt = this.now();
  }

  private pan(elapsed: number): void {
    if (this.restX === 0 && this.restY === 0) return;
    const { camera, flicking, restX, restY } = this;
    let share = -Math.expm1(-elapsed / (flicking ? FLICK_DECAY_MS : GLIDE_DECAY_MS));
    const left = Math.hypot(restX, restY) * (1 - share);
    const ends = left < (flicking ? FLICK_REST_PX : GLIDE_REST_PX);
    if (ends && !flicking) share = 1;
    const { x, y } = camera;
    camera.panBy(restX * share, restY * share);
    // At the canvas's edge there is nowhere to go.
    this.restX = ends || (elapsed > 0 && camera.x === x) ? 0 : restX * (1 - share);
    this.restY = ends || (elapsed > 0 && camera.y === y) ? 0 : restY * (1 - share);
    if (this.restX === 0 && this.restY === 0) this.flicking = false;
  }

  private zoom(elapsed: number): void {
    if (this.restZoom === 0) return;
    const share = -Math.expm1(-elapsed / ZOOM_DECAY_MS);
    const ends = Math.abs(this.restZoom) * (1 - share) < ZOOM_REST;
    const step = ends ? this.restZoom : this.restZoom * share;
    this.restZoom = ends ? 0 : this.restZoom - step;
    this.camera.zoomAt(this.anchorX, this.anchorY, Math.exp(step));
  }
}

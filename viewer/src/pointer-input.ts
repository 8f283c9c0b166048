/** Mouse, pen and touch on the canvas: what is a use of the tool, what moves the view. */
import type { CanvasPoint, Gesture } from "./tools/tools";

/** A second finger that comes this soon means a pinch: what the first one did is never sent. */
const SECOND_FINGER_MS = 130;
const SECOND_FINGER_PX = 10;
const WHEEL_ZOOM_PER_PX = 0.0022;
const WHEEL_LINE_PX = 33;
const WHEEL_STEP_MAX_PX = 160;

/** What the input acts upon; screen points are in CSS pixels from the canvas element's corner. */
export interface PointerTarget {
  /** Starts using the tool; null if it only moves the view. */
  begin(at: CanvasPoint, alternative: boolean): Gesture | null;
  toCanvas(sx: number, sy: number): CanvasPoint;
  panBy(dx: number, dy: number): void;
  zoomAt(sx: number, sy: number, factor: number): void;
  hover(at: CanvasPoint | null, painting: boolean): void;
  requestFrame(): void;
}

type ScreenPoint = readonly [sx: number, sy: number];

/** The one gesture under way. */
type Mode =
  | { readonly name: "idle" }
  | { readonly name: "tool"; readonly pointer: number; readonly gesture: Gesture }
  /** A finger is down that may yet become one of two. */
  | {
      readonly name: "undecided";
      readonly pointer: number;
      readonly points: CanvasPoint[];
      readonly from: ScreenPoint;
      readonly timer: ReturnType<typeof setTimeout>;
    }
  | { readonly name: "pan"; readonly pointer: number }
  | { readonly name: "pinch" };

export class PointerInput {
  /** While the space bar is held, dragging moves the view. */
  spaceHeld = false;
  private mode: Mode = { name: "idle" };
  private readonly down = new Map<number, ScreenPoint>();
  private readonly listeners = new AbortController();

  constructor(
    private readonly element: HTMLElement,
    private readonly target: PointerTarget,
  ) {
    const { signal } = this.listeners;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      listen: (event: HTMLElementEventMap[K]) => void,
    ) => element.addEventListener(type, listen, { signal, passive: false });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event, false));
    on("pointercancel", (event) => this.release(event, true));
    on("pointerleave", (event) => {
      if (!this.down.has(event.pointerId)) this.target.hover(null, false);
    });
    on("wheel", (event) => this.wheel(event));
    on("contextmenu", (event) => event.preventDefault());
    // Safari's own pinch; pointer events tell of the fingers already.
    element.addEventListener("gesturestart", (event) => event.preventDefault(), { signal });
  }

  destroy(): void {
    this.listeners.abort();
  }

  /** Once per animation frame: lets the tool send what has gathered. */
  frame(): void {
    if (this.mode.name === "tool") this.mode.gesture.frame();
  }

  /** Ends what is under way without drawing it. */
  cancel(): void {
    this.leaveMode(true);
    this.mode = { name: "idle" };
  }

  private at(event: MouseEvent): ScreenPoint {
    const { left, top } = this.element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  private press(event: PointerEvent): void {
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    const at = this.at(event);
    this.down.set(event.pointerId, at);
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
    if (event.pointerType === "touch" && this.down.size > 1) {
      this.leaveMode(true);
      this.mode = { name: "pinch" };
      this.target.hover(null, false);
      return;
    }
    if (this.mode.name !== "idle") return;
    const pans = event.button === 1 || event.button === 2 || this.spaceHeld;
    if (pans) {
      this.mode = { name: "pan", pointer: event.pointerId };
      return;
    }
    if (event.pointerType === "touch") {
      this.mode = {
        name: "undecided",
        pointer: event.pointerId,
        points: [this.target.toCanvas(...at)],
        from: at,
        timer: setTimeout(() => this.decide(), SECOND_FINGER_MS),
      };
      return;
    }
    this.start(event.pointerId, this.target.toCanvas(...at), event.altKey);
  }

  private start(pointer: number, at: CanvasPoint, alternative: boolean): Gesture | null {
    const gesture = this.target.begin(at, alternative);
    this.mode = gesture ? { name: "tool", pointer, gesture } : { name: "pan", pointer };
    this.target.hover(at, gesture !== null);
    this.target.requestFrame();
    return gesture;
  }

  /** One finger it is: the tool gets what it has done so far. */
  private decide(): void {
    if (this.mode.name !== "undecided") return;
    const { pointer, points, from, timer } = this.mode;
    clearTimeout(timer);
    const gesture = this.start(pointer, points[0], false);
    gesture?.move(points.slice(1));
    if (gesture) return;
    const [sx, sy] = this.down.get(pointer) ?? from;
    this.target.panBy(sx - from[0], sy - from[1]);
  }

  private move(event: PointerEvent): void {
    const last = this.down.get(event.pointerId);
    const at = this.at(event);
    if (last === undefined) {
      this.target.hover(this.target.toCanvas(...at), false);
      return;
    }
    if (this.mode.name === "pinch") {
      this.pinch(event.pointerId, last, at);
      return;
    }
    this.down.set(event.pointerId, at);
    const { mode } = this;
    if (mode.name === "idle" || mode.pointer !== event.pointerId) return;
    if (mode.name === "pan") {
      this.target.panBy(at[0] - last[0], at[1] - last[1]);
      this.target.hover(this.target.toCanvas(...at), false);
      return;
    }
    const points = this.coalesced(event);
    if (mode.name === "tool") {
      mode.gesture.move(points);
      this.target.hover(points[points.length - 1], true);
      this.target.requestFrame();
      return;
    }
    mode.points.push(...points);
    if (distance(mode.from, at) > SECOND_FINGER_PX) this.decide();
  }

  /** The points between two events too: a fast stroke stays round. */
  private coalesced(event: PointerEvent): CanvasPoint[] {
    const events = event.getCoalescedEvents?.() ?? [];
    return (events.length > 0 ? events : [event]).map((each) =>
      this.target.toCanvas(...this.at(each)),
    );
  }

  private pinch(pointer: number, last: ScreenPoint, at: ScreenPoint): void {
    const other = [...this.down].find(([id]) => id !== pointer)?.[1];
    this.down.set(pointer, at);
    if (other === undefined) {
      this.target.panBy(at[0] - last[0], at[1] - last[1]);
      return;
    }
    const before = middle(last, other);
    const now = middle(at, other);
    this.target.panBy(now[0] - before[0], now[1] - before[1]);
    const spread = distance(last, other);
    if (spread > 1) this.target.zoomAt(now[0], now[1], distance(at, other) / spread);
  }

  private release(event: PointerEvent, cancelled: boolean): void {
    this.down.delete(event.pointerId);
    const { mode } = this;
    if (mode.name === "pinch") {
      if (this.down.size === 0) this.mode = { name: "idle" };
      return;
    }
    if (mode.name === "idle" || mode.pointer !== event.pointerId) return;
    if (mode.name === "undecided" && !cancelled) this.decide();
    this.leaveMode(cancelled);
    this.mode = { name: "idle" };
    const touch = event.pointerType === "touch";
    this.target.hover(touch ? null : this.target.toCanvas(...this.at(event)), false);
  }

  private leaveMode(cancelled: boolean): void {
    const { mode } = this;
    if (mode.name === "undecided") clearTimeout(mode.timer);
    if (mode.name !== "tool") return;
    if (cancelled) mode.gesture.cancel();
    else mode.gesture.end();
    this.target.requestFrame();
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const at = this.at(event);
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : WHEEL_LINE_PX;
    // A trackpad's pinch comes as a wheel with ctrl, in small steps.
    const gain = event.ctrlKey ? 4 : 1;
    const delta = event.deltaY * unit * gain;
    const step = Math.max(-WHEEL_STEP_MAX_PX, Math.min(delta, WHEEL_STEP_MAX_PX));
    if (step !== 0) this.target.zoomAt(at[0], at[1], Math.exp(-step * WHEEL_ZOOM_PER_PX));
    this.target.hover(this.target.toCanvas(...at), false);
  }
}

function distance(a: ScreenPoint, b: ScreenPoint): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function middle(a: ScreenPoint, b: ScreenPoint): ScreenPoint {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

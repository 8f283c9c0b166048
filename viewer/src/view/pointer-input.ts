/** Mouse, pen and touch on the canvas: what is a use of the tool, what moves the view. */

import type { CanvasPoint, Gesture } from "../drawing/tools/tools";
import { Taps } from "./taps";

/** A second finger that comes this soon means a pinch: what the first one did is never sent. */
const SECOND_FINGER_MS = 130;
const SECOND_FINGER_PX = 10;
const WHEEL_ZOOM_PER_PX = 0.0022;
const WHEEL_LINE_PX = 33;
const WHEEL_STEP_MAX_PX = 160;
/** A wheel turns in steps of more than this; a trackpad's come small and often. */
const TRACKPAD_MAX_PX = 40;
/** A trackpad's pinch comes as a wheel with ctrl, in very small steps. */
const PINCH_GAIN = 4;
/** With ctrl a wheel zooms finely. */
const FINE_GAIN = 0.25;
const TAP_ZOOM = 2;

/** What the input acts upon; screen points are in CSS pixels from the canvas element's corner. */
export interface PointerTarget {
  /** Starts using the tool; null if it only moves the view. */
  begin(at: CanvasPoint, alternative: boolean): Gesture | null;
  toCanvas(sx: number, sy: number): CanvasPoint;
  /** The view follows a pointer; `time` in milliseconds, as the event tells it. */
  dragBy(dx: number, dy: number, time: number): void;
  /** The pointer that it followed let go. */
  letGo(time: number): void;
  /** Whatever moves by itself stops. */
  hold(): void;
  zoomAt(sx: number, sy: number, factor: number): void;
  /** The same, softly. */
  zoomTowards(sx: number, sy: number, factor: number): void;
  /** Moves the view, softly. */
  glideBy(dx: number, dy: number): void;
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
  private readonly taps = new Taps();
  private corner: ScreenPoint = [0, 0];
  /** Between the two fingers, as they came down. */
  private pinchedAt: ScreenPoint = [0, 0];
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
    this.measure();
    on("pointerenter", () => this.measure());
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
    const [left, top] = this.corner;
    return [event.clientX - left, event.clientY - top];
  }

  /** Where the element is; not asked for each event, since that may lay out the page again. */
  private measure(): void {
    const { left, top } = this.element.getBoundingClientRect();
    this.corner = [left, top];
  }

  private press(event: PointerEvent): void {
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.measure();
    const at = this.at(event);
    this.down.set(event.pointerId, at);
    this.taps.press(event.pointerId, at, event.timeStamp);
    this.target.hold();
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
    if (event.pointerType === "touch" && this.down.size > 1) {
      this.leaveMode(true);
      this.mode = { name: "pinch" };
      const [one, other] = this.down.values();
      this.pinchedAt = middle(one, other);
      this.target.hover(null, false);
      return;
    }
    if (this.mode.name !== "idle") return;
    const pans = event.button === 1 || event.button === 2 || this.spaceHeld;
    if (pans) {
      this.taps.forget();
      this.mode = { name: "pan", pointer: event.pointerId };
      return;
    }
    if (event.pointerType === "touch") {
      this.mode = {
        name: "undecided",
        pointer: event.pointerId,
        points: [this.target.toCanvas(...at)],
        from: at,
        timer: setTimeout(() => this.decide(performance.now()), SECOND_FINGER_MS),
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
  private decide(time: number): void {
    if (this.mode.name !== "undecided") return;
    const { pointer, points, from, timer } = this.mode;
    clearTimeout(timer);
    const gesture = this.start(pointer, points[0], false);
    gesture?.move(points.slice(1));
    if (gesture) return;
    const [sx, sy] = this.down.get(pointer) ?? from;
    this.target.dragBy(sx - from[0], sy - from[1], time);
  }

  private move(event: PointerEvent): void {
    const last = this.down.get(event.pointerId);
    const at = this.at(event);
    const time = event.timeStamp;
    if (last === undefined) {
      this.target.hover(this.target.toCanvas(...at), false);
      return;
    }
    this.taps.move(event.pointerId, at);
    if (this.mode.name === "pinch") {
      this.pinch(event.pointerId, last, at, time);
      return;
    }
    this.down.set(event.pointerId, at);
    const { mode } = this;
    if (mode.name === "idle" || mode.pointer !== event.pointerId) return;
    if (mode.name === "pan") {
      this.target.dragBy(at[0] - last[0], at[1] - last[1], time);
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
    if (distance(mode.from, at) > SECOND_FINGER_PX) this.decide(time);
  }

  /** The points between two events too: a fast stroke stays round. */
  private coalesced(event: PointerEvent): CanvasPoint[] {
    const events = event.getCoalescedEvents?.() ?? [];
    return (events.length > 0 ? events : [event]).map((each) =>
      this.target.toCanvas(...this.at(each)),
    );
  }

  private pinch(pointer: number, last: ScreenPoint, at: ScreenPoint, time: number): void {
    const other = [...this.down].find(([id]) => id !== pointer)?.[1];
    this.down.set(pointer, at);
    if (other === undefined) {
      this.target.dragBy(at[0] - last[0], at[1] - last[1], time);
      return;
    }
    const before = middle(last, other);
    const now = middle(at, other);
    this.target.dragBy(now[0] - before[0], now[1] - before[1], time);
    const spread = distance(last, other);
    if (spread > 1) this.target.zoomAt(now[0], now[1], distance(at, other) / spread);
  }

  private release(event: PointerEvent, cancelled: boolean): void {
    const at = this.at(event);
    const time = event.timeStamp;
    this.down.delete(event.pointerId);
    if (cancelled) this.taps.forget();
    const tap = this.taps.release(event.pointerId, at, time);
    if (this.mode.name === "pinch") {
      if (this.down.size > 0) return;
      this.mode = { name: "idle" };
      if (tap === "two fingers") this.target.zoomTowards(...this.pinchedAt, 1 / TAP_ZOOM);
      else if (!cancelled) this.target.letGo(time);
      return;
    }
    if (this.mode.name === "idle" || this.mode.pointer !== event.pointerId) return;
    if (this.mode.name === "undecided" && !cancelled) this.decide(time);
    if (this.mode.name !== "pan") this.taps.forget();
    else if (tap === "double") this.target.zoomTowards(...at, TAP_ZOOM);
    else if (!cancelled) this.target.letGo(time);
    this.leaveMode(cancelled);
    this.mode = { name: "idle" };
    const touch = event.pointerType === "touch";
    this.target.hover(touch ? null : this.target.toCanvas(...at), false);
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
    // A Mac has turned the wheel sideways already where Shift is held.
    const sideways = event.shiftKey || event.deltaY === 0;
    const turned = (sideways ? event.deltaX || event.deltaY : event.deltaY) * unit;
    if (turned === 0) return;
    const small = Math.abs(turned) < TRACKPAD_MAX_PX;
    if (sideways) {
      if (small) this.target.dragBy(-turned, 0, event.timeStamp);
      else this.target.glideBy(-turned, 0);
    } else {
      const gain = event.ctrlKey ? (small ? PINCH_GAIN : FINE_GAIN) : 1;
      const step = Math.max(-WHEEL_STEP_MAX_PX, Math.min(turned * gain, WHEEL_STEP_MAX_PX));
      const factor = Math.exp(-step * WHEEL_ZOOM_PER_PX);
      if (small) this.target.zoomAt(...at, factor);
      else this.target.zoomTowards(...at, factor);
    }
    this.target.hover(this.target.toCanvas(...at), false);
  }
}

function distance(a: ScreenPoint, b: ScreenPoint): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function middle(a: ScreenPoint, b: ScreenPoint): ScreenPoint {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

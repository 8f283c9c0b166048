/** Tells taps from other uses of pointers: twice at one place, and two fingers at once. */

const TAP_MAX_MS = 250;
const TAP_MAX_PX = 10;
const BETWEEN_MAX_MS = 350;
const BETWEEN_MAX_PX = 30;

type ScreenPoint = readonly [sx: number, sy: number];

export type Tap = "single" | "double" | "two fingers";

export class Taps {
  /** Where the pointers that are down came down. */
  private readonly down = new Map<number, ScreenPoint>();
  private began = 0;
  private fingers = 0;
  private moved = false;
  private last: { readonly at: ScreenPoint; readonly time: number } | null = null;

  /** Times are in milliseconds. */
  press(pointer: number, at: ScreenPoint, time: number): void {
    if (this.down.size === 0) {
      this.began = time;
      this.fingers = 0;
      this.moved = false;
    }
    this.down.set(pointer, at);
    this.fingers = Math.max(this.fingers, this.down.size);
  }

  move(pointer: number, at: ScreenPoint): void {
    const from = this.down.get(pointer);
    if (from && distance(from, at) > TAP_MAX_PX) this.moved = true;
  }

  /** A pointer was lifted; what that was, if it was the last and it was a tap. */
  release(pointer: number, at: ScreenPoint, time: number): Tap | null {
    this.down.delete(pointer);
    if (this.down.size > 0) return null;
    const { last } = this;
    this.last = null;
    if (this.moved || time - this.began > TAP_MAX_MS || this.fingers > 2) return null;
    if (this.fingers === 2) return "two fingers";
    const again =
      last !== null &&
      this.began - last.time < BETWEEN_MAX_MS &&
      distance(last.at, at) < BETWEEN_MAX_PX;
    if (again) return "double";
    this.last = { at, time };
    return "single";
  }

  /** What was done so far was no tap. */
  forget(): void {
    this.last = null;
    this.moved = true;
  }
}

function distance(a: ScreenPoint, b: ScreenPoint): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

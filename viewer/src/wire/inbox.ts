/**
 * What came and waits to be handled, in its order. Each frame takes some milliseconds of it, so that
 * a screen full of tiles doesn't stop a view that moves; what has waited for long is handled at once.
 */
import type { ServerMessage } from "./wire.gen";

/** Of each frame. */
const SLICE_MS = 2;
const WAIT_MAX_MS = 100;
/** Handled in one go: tiles, and what takes as long as they do. */
const PIECE = 2;
const LIGHT = 1 / 64;

export interface Clockwork {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** Calls back with the next frame; not soon while the page is hidden. */
  frame(callback: () => void): void;
}

export class Inbox {
  private waiting: ServerMessage[] = [];
  /** When the oldest of what waits came. */
  private since = 0;
  /** Since the last frame, in milliseconds. */
  private spent = 0;
  private frameAsked = false;

  /** `handle` gets each message once. What it throws ends what `take` or the frame does. */
  constructor(
    private readonly handle: (messages: readonly ServerMessage[]) => void,
    /** Runs what a frame does for the inbox. */
    private readonly run: (act: () => void) => void,
    private readonly around: Clockwork,
  ) {}

  /** Handles what came, or begins to; `atOnce`: all of it now. */
  take(messages: readonly ServerMessage[], atOnce: boolean): void {
    if (this.waiting.length === 0) this.since = this.around.now();
    this.waiting = [...this.waiting, ...messages];
    this.goOn(atOnce);
  }

  /** Handles all that waits. */
  finish(): void {
    this.goOn(true);
  }

  /** Nothing of it counts any more. */
  clear(): void {
    this.waiting = [];
  }

  private goOn(atOnce: boolean): void {
    const began = this.around.now();
    let now = began;
    while (this.waiting.length > 0) {
      const late = atOnce || now - this.since > WAIT_MAX_MS;
      if (!late && this.spent + now - began >= SLICE_MS) break;
      this.handle(this.piece());
      now = this.around.now();
    }
    this.spent += now - began;
    if (this.spent > 0 && !this.frameAsked) {
      this.frameAsked = true;
      this.around.frame(() => {
        this.frameAsked = false;
        this.spent = 0;
        if (this.waiting.length > 0) this.run(() => this.goOn(false));
      });
    }
  }

  private piece(): ServerMessage[] {
    let size = 0;
    let count = 0;
    while (count < this.waiting.length && size < PIECE) {
      size += this.waiting[count++].type === "Pixel" ? LIGHT : 1;
    }
    return this.waiting.splice(0, count);
  }
}

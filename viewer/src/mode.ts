/** What goes on besides the tools, and is shown in a bar with the buttons that end it. */
import { signal } from "@preact/signals";
import type { CanvasPoint, Gesture } from "./drawing/tools/tools";

/** Takes pointer and keys from the tools until it is done: placing something, marking an area. */
export interface Mode {
  /** What to do. */
  text(): string;
  /** A press on the canvas, wherever it is. */
  begin(at: CanvasPoint): Gesture;
  /** An arrow key; returns false if it moves the pixel cursor as ever. */
  step(dx: number, dy: number): boolean;
  /** Enter, with where the pixel cursor is. */
  press(cursor: readonly [x: number, y: number] | null): void;
  /** The button that ends it well; without this it ends by itself. */
  done?(): void;
  /** Escape: everything is as before. */
  cancel(): void;
}

/** Leads from one place to the next while the tools work as ever. */
export interface Guide {
  /** What to do here. */
  text(): string;
  next(): void;
}

export const mode = signal<Mode | null>(null);
export const guide = signal<Guide | null>(null);

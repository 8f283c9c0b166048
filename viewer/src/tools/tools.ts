/** The tools there are, and what a tool can do. */
import type { Colour } from "../canvas-info";
import type { Size } from "../geometry";
import type { Drawing } from "../raster";

export type ToolId = "pan" | "pencil" | "brush" | "line" | "rectangle" | "eyedropper" | "eraser";

export interface ToolInfo {
  readonly id: ToolId;
  /** Keys that choose it: a letter and a number. */
  readonly keys: readonly [letter: string, number: string];
  readonly paints: boolean;
}

export const TOOLS: readonly ToolInfo[] = [
  { id: "pan", keys: ["h", "1"], paints: false },
  { id: "pencil", keys: ["p", "2"], paints: true },
  { id: "brush", keys: ["b", "3"], paints: true },
  { id: "line", keys: ["l", "4"], paints: true },
  { id: "rectangle", keys: ["r", "5"], paints: true },
  { id: "eyedropper", keys: ["i", "6"], paints: false },
  { id: "eraser", keys: ["e", "7"], paints: true },
];

/** A point of the canvas, in fractions of pixels. */
export type CanvasPoint = readonly [x: number, y: number];

/** What a tool works with. */
export interface ToolContext {
  readonly canvas: Size;
  readonly colour: Colour;
  readonly background: Colour;
  readonly brushSize: number;
  /** 0: filled. */
  readonly lineWidth: number;
  draw(drawing: Drawing): void;
  /** Shows a drawing without drawing it; null ends that. */
  preview(drawing: Drawing | null): void;
  /** Takes the colour shown at a pixel. */
  pick(at: CanvasPoint): void;
  /** The choice is made. */
  picked(): void;
}

/** One use of a tool, from pressing to letting go. */
export interface Gesture {
  move(points: readonly CanvasPoint[]): void;
  /** Once per animation frame. */
  frame(): void;
  end(): void;
  /** Another gesture took its place. */
  cancel(): void;
}

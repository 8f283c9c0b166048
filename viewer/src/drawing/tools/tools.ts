/** The tools there are, and what a tool can do. */
import type { Colour } from "../../canvas/canvas-info";
import type { Box, Size } from "../../canvas/geometry";
import type { Drawing } from "../../canvas/raster";
import type { PixelPoint } from "./pixels";

export type ToolId =
  | "pan"
  | "pencil"
  | "brush"
  | "line"
  | "rectangle"
  | "eyedropper"
  | "eraser"
  | "fill"
  | "select";

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
  { id: "fill", keys: ["k", "8"], paints: true },
  { id: "select", keys: ["s", "9"], paints: true },
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
  /** Where the last stroke ended; null: there is none. */
  readonly lastEnd: PixelPoint | null;
  readonly selection: SelectionMoves;
  /** Whether lines go in steps of 45°, rectangles are squares, and strokes straight. */
  straight(): boolean;
  /** Draws it. False if that can't be, which the person was told. */
  draw(drawing: Drawing): boolean;
  /** A stroke ended there. */
  ended(at: PixelPoint): void;
  /** What a fill from there would draw; the person is told why it is nothing. */
  fill(at: PixelPoint): readonly Drawing[];
  /** Draws all of these, or none if they can't be afforded. */
  drawAll(drawings: readonly Drawing[]): boolean;
  /** Shows what it would cost to draw what is prepared, in pixels; null ends that. */
  plan(cost: number | null): void;
  /** Shows a drawing without drawing it; null ends that. */
  preview(drawing: Drawing | null): void;
  /** Takes the colour shown at a pixel. */
  pick(at: CanvasPoint): void;
  /** The choice is made. */
  picked(): void;
}

/** What the selecting tool does to the selection. */
export interface SelectionMoves {
  /** Whether the pixel belongs to it, so that it is moved from there. */
  holds(at: PixelPoint): boolean;
  /** Makes its pixels movable; false if they aren't there. */
  lift(): boolean;
  moveBy(dx: number, dy: number): void;
  /** Puts what is being moved down where it is; false if that can't be. */
  drop(): boolean;
  select(box: Box | null): void;
  /** Says what is selected now. */
  tell(): void;
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

/** What draws the canvas on the screen; {@link Canvas2dRenderer} is one. */

import type { Colour } from "../canvas/canvas-info";
import type { Box } from "../canvas/geometry";
import type { PendingLayer } from "../canvas/pending";
import type { HeldTile, TileStore, View } from "../canvas/store";
import type { Backdrop } from "./backdrop";
import type { Camera } from "./camera";

/** Everything that a frame shows below the pointers. */
export interface Scene {
  readonly camera: Camera;
  readonly store: TileStore;
  readonly pending: PendingLayer;
  /** Seen where tiles are missing. */
  readonly backdrop: Backdrop;
  readonly background: Colour;
  /** The view that the camera asks for. */
  readonly view: View | null;
}

export interface Renderer {
  /** Fits the drawing surface to the screen. */
  resize(camera: Camera): void;
  /** A tile's pixels changed: `changed` is within the tile. */
  tileChanged(tile: HeldTile, changed: Box): void;
  /** The pending layer looks different within these canvas pixels. */
  pendingChanged(changed: Box): void;
  /** Nothing drawn so far is good any more: another canvas. */
  clear(): void;
  draw(scene: Scene): void;
}

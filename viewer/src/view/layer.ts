/** Something drawn over the canvas by a part of the viewer: a template, heat, a selection. */

import type { Box } from "../canvas/geometry";
import type { Camera } from "./camera";
import type { Placement } from "./placement";

export interface LayerScene {
  readonly camera: Camera;
  /** The canvas pixels on the screen. */
  readonly seen: Box;
  /** From canvas pixels to the context's device pixels. */
  readonly place: Placement;
}

export interface Layer {
  /** Drawn over the grid and previews, or under them. */
  readonly above: boolean;
  /** The context's transform is the identity; whatever is set on it is undone afterwards. */
  draw(context: CanvasRenderingContext2D, scene: LayerScene): void;
}

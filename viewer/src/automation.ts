/**
 * `window.tilecast`: what a script in the page may ask and do. Browser tests use it; README.md
 * describes it.
 */
import { frames } from "./frames";
import type { Viewer } from "./viewer";

export interface Automation {
  /** `connecting`, `live`, `waiting` (for the next try) or `stopped`. */
  readonly state: string;
  readonly camera: { readonly x: number; readonly y: number; readonly zoom: number };
  /** The greatest seq that the server told. */
  readonly seq: number;
  /** Own drawings that the tiles don't show yet. */
  readonly pending: number;
  /** Own drawings that are not durable yet. */
  readonly unsaved: number;
  /** Whether every tile of what the camera shows is there. */
  readonly loaded: boolean;
  /** What the view names: level and tiles, or null before there is one. */
  readonly view: {
    readonly level: number;
    readonly x0: number;
    readonly y0: number;
    readonly x1: number;
    readonly y1: number;
  } | null;
  /** Of the last 600 frames, in milliseconds: work for each, and from one to the next. */
  readonly frames: { readonly work: readonly number[]; readonly gap: readonly number[] };
  goto(x: number, y: number, zoom: number): void;
  /** [r, g, b] as shown, own drawing included; null where it isn't loaded. */
  pixel(x: number, y: number): readonly [r: number, g: number, b: number] | null;
}

declare global {
  interface Window {
    tilecast?: Automation;
  }
}

export function exposeAutomation(viewer: Viewer): void {
  const { client, camera } = viewer;
  window.tilecast = {
    get state() {
      return client.state.value.name;
    },
    get camera() {
      return { x: camera.x, y: camera.y, zoom: camera.zoom };
    },
    get seq() {
      return client.seq;
    },
    get pending() {
      return client.pending.count;
    },
    get unsaved() {
      return client.outbox.length;
    },
    get loaded() {
      return viewer.loaded;
    },
    get view() {
      const { view } = client.store;
      return view && { level: view.level, ...view.tiles };
    },
    get frames() {
      return frames.figures;
    },
    goto: (x, y, zoom) => viewer.goto({ x, y, zoom }),
    pixel: (x, y) => viewer.pixel(x, y),
  };
}

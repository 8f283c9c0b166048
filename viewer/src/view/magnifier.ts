/** Follows the one finger that uses a tool, for the magnifier above it. */

import { magnifies, tool } from "../state";
import type { Viewer } from "../viewer";
import { type Finger, MagnifierLayer } from "./magnifier-layer";

/** Until then a second finger may come, and what the first one did is never drawn. */
const SECOND_FINGER_MS = 130;

/** `picture` is the canvas element that shows the tiles, `surface` the one that is touched. */
export function addMagnifier(
  viewer: Viewer,
  picture: HTMLCanvasElement,
  surface: HTMLElement,
): void {
  const layer = new MagnifierLayer(picture);
  viewer.overlay.layers.push(layer);
  const fingers = new Set<number>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  let at: Finger = { sx: 0, sy: 0 };
  const follow = (event: PointerEvent) => {
    const { left, top } = surface.getBoundingClientRect();
    at = { sx: event.clientX - left, sy: event.clientY - top };
  };
  const show = () => {
    layer.finger = at;
    viewer.requestFrame();
  };
  const hide = () => {
    clearTimeout(timer);
    if (layer.finger === null) return;
    layer.finger = null;
    viewer.requestFrame();
  };
  surface.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.add(event.pointerId);
    hide();
    const paints = tool.value !== "pan" && viewer.mayPaint;
    if (fingers.size !== 1 || !paints || !magnifies.value) return;
    follow(event);
    timer = setTimeout(show, SECOND_FINGER_MS);
  });
  surface.addEventListener("pointermove", (event) => {
    if (fingers.size !== 1 || !fingers.has(event.pointerId)) return;
    follow(event);
    if (layer.finger !== null) show();
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    surface.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      hide();
    });
  }
}

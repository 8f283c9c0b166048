/** Makes a template of an area of the canvas that one marks. */
import { type Box, boxArea, TILE, tilesOf } from "../canvas/geometry";
import { INCOMPLETE, type TileStore } from "../canvas/store";
import { Marking } from "../places/marking";
import { panelOpen } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import { CAPTURE_SIDE_MAX, type TemplateImage } from "./template";
import type { Templates } from "./templates";

/** Lets an area be marked, and adds it; one that is too large or not loaded is to be marked anew. */
export function startCapture(templates: Templates): void {
  Marking.start(templates.viewer, {
    text: () => texts.value.templates.capturing,
    marked: (box) => {
      const said = texts.value.templates;
      if (Math.max(box.x1 - box.x0, box.y1 - box.y0) >= CAPTURE_SIDE_MAX) {
        toast(said.captureTooLarge(CAPTURE_SIDE_MAX), "warning");
        return false;
      }
      const image = capture(templates.viewer.client.store, box);
      if (image === null) {
        toast(said.captureNotLoaded, "warning");
        return false;
      }
      const name = said.captured(box.x0, box.y0);
      templates.add({ name, image, enlargement: 1, source: null }, { x: box.x0, y: box.y0 });
      panelOpen.value = "templates";
      return true;
    },
  });
}

/** The canvas's pixels in a box; null if a tile of it isn't there. */
export function capture(store: TileStore, box: Box): TemplateImage | null {
  const width = box.x1 - box.x0 + 1;
  const pixels = new Uint32Array(boxArea(box));
  const tiles = tilesOf(box, 0);
  for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
    for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
      const tile = store.get(0, tx, ty);
      if (tile === undefined || tile.seq === INCOMPLETE) return null;
      const x0 = Math.max(tile.x0, box.x0);
      const x1 = Math.min(tile.x0 + TILE - 1, box.x1);
      const y1 = Math.min(tile.y0 + TILE - 1, box.y1);
      for (let y = Math.max(tile.y0, box.y0); y <= y1; y++) {
        const row = (y - tile.y0) * TILE - tile.x0;
        const run = tile.pixels.subarray(row + x0, row + x1 + 1);
        pixels.set(run, (y - box.y0) * width + x0 - box.x0);
      }
    }
  }
  return { width, height: box.y1 - box.y0 + 1, pixels };
}

/** A hatch over own drawing that is still not durable. */
import { type Box, intersect } from "../canvas/geometry";
import { type Drawing, eachRun, patchPixels } from "../canvas/raster";
import type { Layer, LayerScene } from "../view/layer";
import type { Patch } from "../wire/wire.gen";
import type { Overdue } from "./overdue";

const PATTERN_PX = 8;
/** Each run is a rectangle to clip with; more would be slow, and the latest show enough. */
const DRAWINGS_MAX = 300;

export class OverdueLayer implements Layer {
  readonly above = true;
  private pattern: CanvasPattern | null = null;

  constructor(private readonly overdue: Overdue) {}

  draw(context: CanvasRenderingContext2D, { seen, place }: LayerScene): void {
    const drawings = this.overdue.latest(DRAWINGS_MAX);
    if (drawings.length === 0) return;
    this.pattern ??= hatch(context, place.ratio);
    if (this.pattern === null) return;
    context.beginPath();
    for (const drawing of drawings) {
      runsOf(drawing, seen, (y, x0, x1) => {
        const left = place.x(x0);
        const top = place.y(y);
        context.rect(left, top, place.x(x1 + 1) - left, Math.max(place.y(y + 1) - top, 1));
      });
    }
    context.fillStyle = this.pattern;
    context.fill();
  }
}

function runsOf(
  drawing: Drawing,
  seen: Box,
  emit: (y: number, x0: number, x1: number) => void,
): void {
  if (drawing.type === "Patch") patchRuns(drawing, seen, emit);
  else eachRun(drawing, seen, emit);
}

function patchRuns(
  patch: Patch,
  seen: Box,
  emit: (y: number, x0: number, x1: number) => void,
): void {
  const box = intersect(patch, seen);
  const pixels = patchPixels(patch);
  if (box === null || pixels === null) return;
  const width = patch.x1 - patch.x0 + 1;
  for (let y = box.y0; y <= box.y1; y++) {
    const row = (y - patch.y0) * width - patch.x0;
    let start = -1;
    for (let x = box.x0; x <= box.x1 + 1; x++) {
      const painted = x <= box.x1 && pixels[row + x] !== 0;
      if (painted && start < 0) start = x;
      if (painted || start < 0) continue;
      emit(y, start, x - 1);
      start = -1;
    }
  }
}

/** Slanting lines, light and dark side by side. */
function hatch(context: CanvasRenderingContext2D, ratio: number): CanvasPattern | null {
  const size = Math.max(Math.round(PATTERN_PX * ratio), 4);
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const on = tile.getContext("2d");
  if (on === null) return null;
  for (let i = 0; i < size; i++) {
    on.fillStyle = "rgba(0, 0, 0, 0.55)";
    on.fillRect(i, size - 1 - i, 1, 1);
    on.fillStyle = "rgba(255, 255, 255, 0.75)";
    on.fillRect((i + 1) % size, size - 1 - i, 1, 1);
  }
  return context.createPattern(tile, "repeat");
}

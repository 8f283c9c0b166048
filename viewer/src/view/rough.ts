/** Drawings for a view from far away: shapes instead of pixels. */
import { type Drawing, patchPixels } from "../canvas/raster";

/** Where a frame's canvas lies on the surface, in device pixels. */
export interface Origin {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** A drawing as shapes: where its pixels are smaller than the screen's, nobody sees the difference. */
export function drawRoughly(
  context: CanvasRenderingContext2D,
  drawing: Drawing,
  { left, top, scale }: Origin,
): void {
  const fill = (x0: number, y0: number, width: number, height: number) =>
    context.fillRect(
      left + x0 * scale,
      top + y0 * scale,
      Math.max(width * scale, 1),
      Math.max(height * scale, 1),
    );
  if (drawing.type === "Patch") {
    drawPatchRoughly(drawing, fill, context);
    return;
  }
  const colour = `rgb(${drawing.r},${drawing.g},${drawing.b})`;
  context.fillStyle = context.strokeStyle = colour;
  if (drawing.type === "Pixel") {
    fill(drawing.x, drawing.y, 1, 1);
  } else if (drawing.type === "Stroke") {
    const middle = drawing.size % 2 === 0 ? 0 : 0.5;
    context.lineWidth = Math.max(drawing.size * scale, 1);
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const [x, y] of drawing.points) {
      context.lineTo(left + (x + middle) * scale, top + (y + middle) * scale);
    }
    const [[x, y]] = drawing.points;
    if (drawing.points.length === 1) {
      context.lineTo(left + (x + middle) * scale, top + (y + middle) * scale);
    }
    context.stroke();
  } else {
    const width = drawing.x1 - drawing.x0 + 1;
    const height = drawing.y1 - drawing.y0 + 1;
    const line = drawing.line === 0 ? height : Math.min(drawing.line, height);
    fill(drawing.x0, drawing.y0, width, line);
    if (drawing.line === 0) return;
    fill(drawing.x0, drawing.y1 + 1 - line, width, line);
    const side = Math.min(drawing.line, width);
    fill(drawing.x0, drawing.y0, side, height);
    fill(drawing.x1 + 1 - side, drawing.y0, side, height);
  }
}

function drawPatchRoughly(
  patch: Extract<Drawing, { type: "Patch" }>,
  fill: (x: number, y: number, width: number, height: number) => void,
  context: CanvasRenderingContext2D,
): void {
  const pixels = patchPixels(patch);
  if (pixels === null) return;
  const width = patch.x1 - patch.x0 + 1;
  for (let y = patch.y0, at = 0; y <= patch.y1; y++) {
    for (let x = patch.x0; x < patch.x0 + width; x++, at++) {
      if (pixels[at] === 0) continue;
      const [r, g, b] = [pixels[at] & 255, (pixels[at] >> 8) & 255, (pixels[at] >> 16) & 255];
      context.fillStyle = `rgb(${r},${g},${b})`;
      fill(x, y, 1, 1);
    }
  }
}

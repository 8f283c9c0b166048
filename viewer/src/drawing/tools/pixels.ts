/** From points of the canvas to pixels. */
import type { Size } from "../../canvas/geometry";
import type { CanvasPoint } from "./tools";

export type PixelPoint = readonly [x: number, y: number];

/**
 * The pixel that a disc `size` across is put at so that its middle is nearest to the point: an even
 * disc's middle is the corner between four pixels.
 */
export function pixelAt([x, y]: CanvasPoint, size: number, canvas: Size): PixelPoint {
  const nearest = size % 2 === 0 ? Math.round : Math.floor;
  return [within(nearest(x), canvas.width), within(nearest(y), canvas.height)];
}

export function isOnCanvas([x, y]: CanvasPoint, canvas: Size): boolean {
  return x >= 0 && y >= 0 && x < canvas.width && y < canvas.height;
}

function within(value: number, length: number): number {
  return Math.min(Math.max(value, 0), length - 1);
}

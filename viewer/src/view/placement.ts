import type { Camera } from "./camera";

/** Canvas pixels to whole device pixels, as the renderer rounds them. */
export class Placement {
  private readonly left: number;
  private readonly top: number;
  private readonly scale: number;
  readonly ratio: number;

  constructor(camera: Camera) {
    const [left, top] = camera.toScreen(0, 0);
    this.ratio = camera.pixelRatio;
    this.left = Math.round(left * camera.pixelRatio);
    this.top = Math.round(top * camera.pixelRatio);
    this.scale = camera.zoom * camera.pixelRatio;
  }

  x(pixel: number): number {
    return Math.round(this.left + pixel * this.scale);
  }

  y(pixel: number): number {
    return Math.round(this.top + pixel * this.scale);
  }
}

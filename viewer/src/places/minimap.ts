/** A small map: the whole canvas as the server's overview has it, the view's frame, others' pointers. */
import { effect, signal } from "@preact/signals";
import { canvasBox, type Size, sameBox } from "../canvas/geometry";
import { dataSaver, showsMinimap } from "../state";
import type { Camera } from "../view/camera";
import type { Layer, LayerScene } from "../view/layer";
import type { Viewer } from "../viewer";

/** One tile of so many pixels shows the whole canvas. */
const PICTURE_PX = 512;
const REFRESH_MS = 10_000;
const SIZE_MAX: Size = { width: 172, height: 132 };
/** A canvas of one row still has a map to press on. */
const SIDE_MIN_PX = 16;
/** The view's frame is seen however small a part it is of. */
const FRAME_MIN_PX = 6;
const DOT_PX = 3;

export class Minimap implements Layer {
  readonly above = true;
  /** With the whole canvas on the screen there is nothing to find. */
  readonly needed = signal(false);
  private context: CanvasRenderingContext2D | null = null;
  private picture: ImageBitmap | null = null;
  private tag: string | null = null;
  private fetching = false;
  /** What was drawn last, so that nothing is drawn again. */
  private drawn = "";

  constructor(private readonly viewer: Viewer) {
    viewer.overlay.layers.push(this);
    setInterval(() => {
      if (!dataSaver.value) this.refresh();
    }, REFRESH_MS);
    document.addEventListener("visibilitychange", () => {
      if (!dataSaver.value) this.refresh();
    });
    // When it is opened, and when the connection is back.
    effect(() => {
      const live = viewer.client.state.value.name === "live";
      if (live && showsMinimap.value && this.needed.value) this.refresh();
    });
  }

  /** Its size in CSS pixels. */
  get size(): Size {
    const { width, height } = this.viewer.client.size;
    const scale = Math.min(SIZE_MAX.width / width, SIZE_MAX.height / height);
    return {
      width: Math.max(Math.round(width * scale), SIDE_MIN_PX),
      height: Math.max(Math.round(height * scale), SIDE_MIN_PX),
    };
  }

  /** Draws on this element from now on; null: it is gone. */
  show(element: HTMLCanvasElement | null): void {
    this.context = element?.getContext("2d") ?? null;
    this.drawn = "";
    this.viewer.requestFrame();
  }

  /** Once a frame. */
  draw(_: CanvasRenderingContext2D, { camera }: LayerScene): void {
    this.needed.value = !seesAll(camera);
    if (this.context === null) return;
    const frame = this.frame();
    const dots = [...this.viewer.client.peers.pointers].map(({ person, shownX, shownY }) => ({
      x: Math.round(shownX * this.scaleX),
      y: Math.round(shownY * this.scaleY),
      colour: `rgb(${person.colour.join(",")})`,
    }));
    const wanted = JSON.stringify([frame, dots, this.tag, this.size, camera.pixelRatio]);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.paint(this.context, frame, dots, camera.pixelRatio);
  }

  /** The canvas point under a point of the map. */
  toCanvas(sx: number, sy: number): [x: number, y: number] {
    return [sx / this.scaleX, sy / this.scaleY];
  }

  /** Whether a point of the map lies in the view's frame. */
  inFrame(sx: number, sy: number): boolean {
    const [left, top, width, height] = this.frame();
    return sx >= left && sx <= left + width && sy >= top && sy <= top + height;
  }

  private get scaleX(): number {
    return this.size.width / this.viewer.client.size.width;
  }

  private get scaleY(): number {
    return this.size.height / this.viewer.client.size.height;
  }

  /** The view on the map, in CSS pixels; it stays on the map. */
  private frame(): [left: number, top: number, width: number, height: number] {
    const { camera } = this.viewer;
    const { width, height } = this.size;
    const [x0, y0] = camera.toCanvas(0, 0);
    const [x1, y1] = camera.toCanvas(camera.screen.width, camera.screen.height);
    const [left, across] = span(x0 * this.scaleX, x1 * this.scaleX, width);
    const [top, down] = span(y0 * this.scaleY, y1 * this.scaleY, height);
    return [left, top, across, down];
  }

  private paint(
    context: CanvasRenderingContext2D,
    frame: readonly [left: number, top: number, width: number, height: number],
    dots: readonly { readonly x: number; readonly y: number; readonly colour: string }[],
    ratio: number,
  ): void {
    const { width, height } = this.size;
    const { canvas } = context;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.scale(ratio, ratio);
    const { background } = this.viewer.client.info.value ?? { background: [255, 255, 255] };
    context.fillStyle = `rgb(${background.join(",")})`;
    context.fillRect(0, 0, width, height);
    this.paintPicture(context);
    for (const { x, y, colour } of dots) {
      context.beginPath();
      context.arc(x, y, DOT_PX, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = "#fff";
      context.stroke();
    }
    // Light on dark: seen on any colour.
    for (const [line, colour] of [
      [3.5, "rgba(0, 0, 0, 0.55)"],
      [1.5, "#fff"],
    ] as const) {
      context.lineWidth = line;
      context.strokeStyle = colour;
      context.strokeRect(...frame);
    }
  }

  private paintPicture(context: CanvasRenderingContext2D): void {
    if (this.picture === null) return;
    const { width, height } = this.size;
    const { size } = this.viewer.client;
    const across = size.width / this.pixelsOfOne;
    const down = size.height / this.pixelsOfOne;
    context.imageSmoothingEnabled = across > width;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture, 0, 0, across, down, 0, 0, width, height);
  }

  /** Canvas pixels along one pixel of the picture. */
  private get pixelsOfOne(): number {
    const { width, height } = this.viewer.client.size;
    let pixels = 1;
    while (PICTURE_PX * pixels < Math.max(width, height)) pixels *= 2;
    return pixels;
  }

  /** Asks for the picture, with the tag of the one that is there. */
  private async refresh(): Promise<void> {
    const idle = this.fetching || document.hidden || this.viewer.client.info.value === null;
    if (idle || !showsMinimap.value || !this.needed.value) return;
    this.fetching = true;
    try {
      const address = `${this.viewer.address}/tiles/${PICTURE_PX}/0/0/0.png`;
      // The browser's own cache sends If-None-Match and answers for a 304.
      const answer = await fetch(address, { cache: "no-cache" });
      const tag = answer.headers.get("etag");
      if (!answer.ok || (this.picture !== null && tag === this.tag)) return;
      const picture = await createImageBitmap(await answer.blob());
      this.picture?.close();
      this.picture = picture;
      this.tag = tag;
      this.viewer.requestFrame();
    } catch {
      // The line is down: the next time.
    } finally {
      this.fetching = false;
    }
  }
}

/** Whether the whole canvas is on the screen. */
export function seesAll(camera: Camera): boolean {
  const seen = camera.visible();
  return seen !== null && sameBox(seen, canvasBox(camera.canvas));
}

/** From `start` to `end` as far as it lies in 0 … length, and long enough to be seen. */
function span(start: number, end: number, length: number): [start: number, length: number] {
  const edge = 1;
  const from = Math.min(Math.max(start, edge), length - edge - FRAME_MIN_PX);
  const to = Math.min(Math.max(end, from + FRAME_MIN_PX), length - edge);
  return [from, to - from];
}

/** The tools at work on the canvas: by pointer, and by the keyboard's pixel cursor. */
import type { Colour } from "./canvas-info";
import type { Client } from "./client";
import { nameOf, toHex } from "./colour";
import type { BrushOutline } from "./overlay";
import { type Drawing, unpackColour } from "./raster";
import {
  announcement,
  brushSize,
  chooseColour,
  colour,
  filled,
  hovered,
  lineWidth,
  name,
  noteColour,
  resumePainting,
  tool,
} from "./state";
import { recall, remember } from "./storage";
import { refusal, texts } from "./texts";
import { toast } from "./toasts";
import { begin } from "./tools/begin";
import { isOnCanvas, type PixelPoint, pixelAt } from "./tools/pixels";
import type { CanvasPoint, Gesture, ToolContext } from "./tools/tools";

export class Painting {
  /** What a shape that is being dragged would draw. */
  preview: Drawing | null = null;
  /** The pixel that the keyboard works on; null while it isn't used. */
  pixelCursor: PixelPoint | null = null;
  /** A line or rectangle begun with the keyboard. */
  private keyGesture: Gesture | null = null;

  constructor(
    private readonly client: Client,
    private readonly changed: () => void,
  ) {}

  /** Starts using the tool, or the eyedropper as its `alternative`. */
  begin(at: CanvasPoint, alternative: boolean): Gesture | null {
    this.pixelCursor = null;
    this.endKeyGesture();
    const picks = alternative && this.client.mayPaint;
    return begin(picks ? "eyedropper" : tool.value, this.context(picks), at);
  }

  /** Moves the pixel cursor, which appears under the pointer or at `start` first; returns it. */
  step(dx: number, dy: number, start: PixelPoint): PixelPoint {
    const { width, height } = this.client.size;
    const last = this.pixelCursor ?? hovered.value;
    const [x, y] = last ? [last[0] + dx, last[1] + dy] : start;
    const to: PixelPoint = [within(x, width), within(y, height)];
    this.pixelCursor = to;
    hovered.value = to;
    this.keyGesture?.move([middleOf(to)]);
    this.announcePixel();
    return to;
  }

  /** Uses the tool at the pixel cursor; false if there is none. */
  press(): boolean {
    if (this.pixelCursor === null) return false;
    const [x, y] = this.pixelCursor;
    if (this.keyGesture) {
      this.keyGesture.end();
      this.keyGesture = null;
      announcement.value = texts.value.painting.drawnTo(x, y);
      return true;
    }
    const gesture = begin(tool.value, this.context(), middleOf(this.pixelCursor));
    if (tool.value === "line" || tool.value === "rectangle") {
      this.keyGesture = gesture;
      announcement.value = texts.value.painting.begun(x, y);
      return true;
    }
    gesture?.end();
    this.announcePixel();
    return true;
  }

  cancel(): void {
    this.endKeyGesture();
    this.pixelCursor = null;
  }

  endKeyGesture(): void {
    this.keyGesture?.cancel();
    this.keyGesture = null;
  }

  /** The colour shown at a pixel, own drawing included; null where nothing is loaded to show. */
  pixel(x: number, y: number): Colour | null {
    const { pending, store, size } = this.client;
    const pixel = pending.pixel(x, y, size) ?? store.pixel(x, y);
    return pixel === null ? null : unpackColour(pixel);
  }

  /** The disc that the tool would stamp under the pointer. */
  outline(pointer: CanvasPoint | null): BrushOutline | null {
    if (pointer === null || tool.value === "pan" || this.pixelCursor) return null;
    if (!this.client.mayPaint || !isOnCanvas(pointer, this.client.size)) return null;
    const usesSize = tool.value === "brush" || tool.value === "eraser" || tool.value === "line";
    const size = usesSize ? brushSize.value : 1;
    const [x, y] = pixelAt(pointer, size, this.client.size);
    return { x, y, size };
  }

  private context(temporary = false): ToolContext {
    const { client } = this;
    return {
      canvas: client.size,
      colour: colour.value,
      background: client.info.value?.background ?? [255, 255, 255],
      brushSize: brushSize.value,
      lineWidth: filled.value ? 0 : lineWidth.value,
      draw: (drawing) => this.draw(drawing),
      preview: (drawing) => {
        this.preview = drawing;
        this.changed();
      },
      pick: (at) => {
        if (!isOnCanvas(at, client.size)) return;
        const seen = this.pixel(...pixelAt(at, 1, client.size));
        if (seen) chooseColour(seen);
      },
      picked: () => {
        announcement.value = texts.value.painting.picked(nameOf(colour.value), toHex(colour.value));
        if (!temporary && client.mayPaint) resumePainting();
      },
    };
  }

  private draw(drawing: Drawing): void {
    const code = this.client.draw(drawing);
    if (code !== null) {
      toast(refusal(code, 0), "warning", `refusal ${code}`);
      return;
    }
    if (tool.value !== "eraser") noteColour(colour.value);
    suggestName();
  }

  private announcePixel(): void {
    if (this.pixelCursor === null) return;
    const [x, y] = this.pixelCursor;
    const seen = this.pixel(x, y);
    const said = texts.value.painting;
    announcement.value = said.pixel(x, y, seen ? nameOf(seen) : said.notLoaded);
  }
}

function within(value: number, length: number): number {
  return Math.min(Math.max(value, 0), length - 1);
}

function middleOf([x, y]: PixelPoint): CanvasPoint {
  return [x + 0.5, y + 0.5];
}

/** Once, after the first stroke: a name is welcome and nobody has to give one. */
function suggestName(): void {
  if (name.value !== "" || recall("name-suggested") !== null) return;
  remember("name-suggested", "1");
  toast(texts.value.painting.suggestName);
}

/** The tools at work on the canvas: by pointer, and by the keyboard's pixel cursor. */

import type { Colour } from "../canvas/canvas-info";
import type { Client } from "../canvas/client";
import { nameOf, toHex } from "../canvas/colour";
import type { Box } from "../canvas/geometry";
import type { Entry } from "../canvas/outbox";
import { merged, patchesOf } from "../canvas/patches";
import { type Drawing, packColour, type Surface, unpackColour } from "../canvas/raster";
import { isDetailed, shownArea } from "../canvas/snapshot";
import {
  announcement,
  brushSize,
  chooseColour,
  chooseTool,
  colour,
  filled,
  hovered,
  lineWidth,
  name,
  noteColour,
  resumePainting,
  tool,
} from "../state";
import { recall, remember } from "../storage";
import { number, refusal, texts } from "../texts";
import { toast } from "../toasts";
import type { BrushOutline } from "../view/overlay";
import type { Patch } from "../wire/wire.gen";
import { Allowance, plannedCost } from "./allowance";
import { flood } from "./fill";
import { History, type Redrawn, type Step } from "./history";
import { shiftHeld } from "./modifiers";
import { costOf, Selection } from "./selection";
import { begin } from "./tools/begin";
import { isOnCanvas, type PixelPoint, pixelAt } from "./tools/pixels";
import type { CanvasPoint, Gesture, ToolContext, ToolId } from "./tools/tools";

/** What painting asks of the screen. */
export interface PaintingScreen {
  /** The canvas pixels on it; null if there are none. */
  visible(): Box | null;
  changed(): void;
}

export class Painting {
  /** What a shape that is being dragged would draw. */
  preview: Drawing | null = null;
  /** The pixel that the keyboard works on; null while it isn't used. */
  pixelCursor: PixelPoint | null = null;
  readonly history: History;
  readonly selection: Selection;
  private readonly allowance: Allowance;
  /** A line or rectangle begun with the keyboard. */
  private keyGesture: Gesture | null = null;
  /** Where the last stroke ended. */
  private lastEnd: PixelPoint | null = null;
  private gestures = 0;

  constructor(
    private readonly client: Client,
    private readonly screen: PaintingScreen,
  ) {
    this.history = new History(client);
    this.allowance = new Allowance(client);
    this.selection = new Selection(client, {
      drawAll: (drawings) => this.drawAsOne(drawings),
      patches: (surface) => this.patches([surface]),
      plan: (cost) => {
        plannedCost.value = cost;
      },
      changed: () => screen.changed(),
    });
    tool.subscribe((id) => this.leaveSelection(id));
    // A shape that is being dragged changes with the key alone.
    shiftHeld.subscribe(() => screen.changed());
  }

  /** Starts using the tool, or the eyedropper as its `alternative`. */
  begin(at: CanvasPoint, alternative: boolean): Gesture | null {
    this.pixelCursor = null;
    this.endKeyGesture();
    const picks = alternative && this.client.mayPaint;
    return this.start(picks ? "eyedropper" : tool.value, at, () => shiftHeld.value, picks);
  }

  /** Moves the pixel cursor, which appears under the pointer or at `start` first; returns it. */
  step(dx: number, dy: number, start: PixelPoint): PixelPoint {
    if (tool.value === "select" && this.keyGesture === null && this.selection.nudge(dx, dy)) {
      const { x0, y0, x1, y1 } = this.selection.box ?? { x0: 0, y0: 0, x1: 0, y1: 0 };
      this.pixelCursor = null;
      return [(x0 + x1) >> 1, (y0 + y1) >> 1];
    }
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

  /** Uses the tool at the pixel cursor, or puts down what floats; false if there is neither. */
  press(): boolean {
    if (this.selection.floating.value) {
      this.selection.drop();
      return true;
    }
    if (this.pixelCursor === null) return false;
    const [x, y] = this.pixelCursor;
    if (this.keyGesture) {
      const selects = tool.value === "select";
      this.keyGesture.end();
      this.keyGesture = null;
      if (!selects) announcement.value = texts.value.painting.drawnTo(x, y);
      return true;
    }
    // Shift makes the arrows go further, nothing else.
    const gesture = this.start(tool.value, middleOf(this.pixelCursor), () => false);
    if (tool.value === "line" || tool.value === "rectangle" || tool.value === "select") {
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
    this.selection.giveUp();
    this.pixelCursor = null;
  }

  endKeyGesture(): void {
    this.keyGesture?.cancel();
    this.keyGesture = null;
  }

  /** Takes one's last gesture back; `show` is called with where it is if that is out of view. */
  undo(show: (place: Box) => void): void {
    this.reverse("undo", show);
  }

  redo(show: (place: Box) => void): void {
    this.reverse("redo", show);
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

  /** A gesture whose drawings are one step of the history. */
  private start(
    id: ToolId,
    at: CanvasPoint,
    straight: () => boolean,
    temporary = false,
  ): Gesture | null {
    const step = this.history.begin();
    const gesture = begin(id, this.context(step, straight, temporary), at);
    if (gesture === null) return null;
    this.gestures++;
    const end = () => {
      this.gestures--;
      this.endStep(step);
    };
    return {
      move: (points) => gesture.move(points),
      frame: () => gesture.frame(),
      end: () => {
        gesture.end();
        end();
      },
      cancel: () => {
        gesture.cancel();
        end();
      },
    };
  }

  private context(step: Step, straight: () => boolean, temporary: boolean): ToolContext {
    const { client } = this;
    return {
      canvas: client.size,
      colour: colour.value,
      background: client.info.value?.background ?? [255, 255, 255],
      brushSize: brushSize.value,
      lineWidth: filled.value ? 0 : lineWidth.value,
      lastEnd: this.lastEnd,
      selection: this.selection,
      straight,
      draw: (drawing) => this.draw([drawing], step),
      drawAll: (drawings) => this.draw(drawings, step),
      ended: (at) => {
        this.lastEnd = at;
      },
      fill: (at) => this.fill(at),
      plan: (cost) => {
        plannedCost.value = cost;
      },
      preview: (drawing) => {
        this.preview = drawing;
        this.screen.changed();
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

  private drawAsOne(drawings: readonly Drawing[]): boolean {
    const step = this.history.begin();
    const drawn = this.draw(drawings, step);
    this.endStep(step);
    return drawn;
  }

  private endStep(step: Step): void {
    if (!this.history.end(step)) toast(texts.value.history.tooLarge, "info", "undo");
  }

  /** Draws all of these, or none if they can't be afforded. */
  private draw(drawings: readonly Drawing[], step: Step): boolean {
    if (!this.allowance.affords(costOf(drawings))) return false;
    const { outbox, pending } = this.client;
    for (const drawing of drawings) {
      const overwritten = this.history.overwritten(drawing);
      if (!this.send(drawing)) return false;
      const entry = outbox.all[outbox.length - 1];
      const piece = pending.all[pending.count - 1];
      this.history.add(step, overwritten, entry, piece?.entry === entry ? piece.tiles.length : 0);
    }
    const used = tool.value !== "eraser" && tool.value !== "select";
    if (used && drawings.length > 0) noteColour(colour.value);
    suggestName();
    return true;
  }

  private send(drawing: Drawing): boolean {
    const code = this.client.draw(drawing);
    if (code !== null) toast(refusal(code, 0), "warning", `refusal ${code}`);
    return code === null;
  }

  /** The PATCHes of a fill; none, and the person is told why, if it can't be done. */
  private fill([x, y]: PixelPoint): readonly Drawing[] {
    const { client } = this;
    const said = texts.value.fill;
    const seen = this.screen.visible();
    const info = client.info.value;
    if (seen === null || info === null) return [];
    if (!isDetailed(client)) {
      toast(said.zoomIn, "warning", "fill");
      return [];
    }
    const area = shownArea(client, seen);
    const found = flood(area, x, y, packColour(...colour.value), info.limits.max_message_pixels);
    if (found === "same") return [];
    if (typeof found !== "string") return this.patches([found]);
    toast(said[found], "warning", "fill");
    return [];
  }

  private reverse(what: "undo" | "redo", show: (place: Box) => void): void {
    if (this.gestures > 0) return;
    const said = texts.value.history;
    const result = this.history[what]((surfaces) => this.drawBack(surfaces));
    switch (result.name) {
      case "nothing":
        announcement.value = said.nothing;
        return;
      case "unknown":
        toast(said.unknown, "info", "undo");
        return;
      case "away":
        show(result.place);
        toast(said.away[what], "info", "undo");
        return;
      case "refused":
        return;
      case "done":
        announcement.value = said[what];
        if (result.unfinished) toast(said.unfinished[what], "info", "undo");
        else if (result.kept > 0) toast(said.kept(number(result.kept)), "info", "undo");
        else if (result.partial) toast(said.partial, "info", "undo");
    }
  }

  private drawBack(surfaces: readonly Surface[]): Redrawn | null {
    let count = surfaces.length;
    let drawings = this.patches(surfaces);
    if (costOf(drawings) > this.allowance.full) {
      // It was painted over a longer time: so is it taken back, a part now and then.
      const parts = surfaces.map((surface) => patchesOf(surface, true));
      count = this.affordable(parts.map(costOf));
      drawings = parts.slice(0, count).flat();
    }
    if (!this.allowance.affords(costOf(drawings))) return null;
    const entries: Entry[] = [];
    for (const drawing of drawings) {
      if (!this.send(drawing)) break;
      entries.push(this.client.outbox.all[this.client.outbox.length - 1]);
    }
    return entries.length > 0 || drawings.length === 0 ? { entries, surfaces: count } : null;
  }

  /** How many of the first can be afforded together; at least one, which may be too dear. */
  private affordable(costs: readonly number[]): number {
    const { left } = this.allowance;
    let sum = 0;
    const tooDear = costs.findIndex((each) => {
      sum += each;
      return sum > left;
    });
    return tooDear < 0 ? costs.length : Math.max(tooDear, 1);
  }

  /** PATCHes for these pixels: thrifty ones if others can't be afforded. */
  private patches(surfaces: readonly Surface[]): readonly Patch[] {
    const together = merged(surfaces);
    const patches = together.flatMap((surface) => patchesOf(surface));
    if (costOf(patches) <= this.allowance.left) return patches;
    return together.flatMap((surface) => patchesOf(surface, true));
  }

  /** What floats is put down before something else is painted; to look around it may float on. */
  private leaveSelection(id: ToolId): void {
    if (id === "select" || id === "pan" || id === "eyedropper") return;
    const { selection } = this;
    if (selection.drop()) selection.select(null);
    else chooseTool("select");
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

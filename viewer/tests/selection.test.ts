import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../src/canvas/client";
import type { Box } from "../src/canvas/geometry";
import { patchesOf } from "../src/canvas/patches";
import { type Drawing, packColour, patchPixels } from "../src/canvas/raster";
import { costOf, Selection } from "../src/drawing/selection";
import { toasts } from "../src/toasts";
import type { ServerMessage } from "../src/wire/wire.gen";
import { FakeSurroundings, liveClient } from "./fake-socket";

const WHITE = packColour(255, 255, 255);
const RED = packColour(255, 0, 0);
const AREA: Box = { x0: 10, y0: 10, x1: 13, y1: 11 };

let around: FakeSurroundings;
let client: Client;
let selection: Selection;
let drawn: Drawing[];
let planned: (number | null)[];
let affordable: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  around = new FakeSurroundings();
  client = liveClient(around, { width: 200, height: 100, r: 1, g: 2, b: 3 });
  look(0);
  const dot = { type: "Pixel", x: 11, y: 10, r: 255, g: 0, b: 0 } as const;
  around.socket.receive(dot as ServerMessage);
  drawn = [];
  planned = [];
  affordable = true;
  toasts.value = [];
  selection = new Selection(client, {
    drawAll: (drawings) => {
      if (affordable) drawn.push(...drawings);
      return affordable;
    },
    patches: patchesOf,
    plan: (cost) => planned.push(cost),
    changed: () => {},
  });
});

afterEach(() => {
  client.connection.close();
  vi.clearAllTimers();
  vi.useRealTimers();
});

/** Looks at the canvas's left upper tile. */
function look(level: number): void {
  client.look({ level, tiles: { x0: 0, y0: 0, x1: 0, y1: 0 } });
  const payload = new Uint8Array([255, 255, 255]);
  around.socket.receive({ type: "Tile", level, tx: 0, ty: 0, seq: 1, encoding: 0, payload });
}

const patchAt = (drawing: Drawing | undefined) => {
  if (drawing?.type !== "Patch") return drawing;
  const { x0, y0, x1, y1 } = drawing;
  return { box: { x0, y0, x1, y1 }, pixels: [...(patchPixels(drawing) ?? [])] };
};
const HOLE = { type: "Rect", line: 0, ...AREA, r: 1, g: 2, b: 3 };
const PIXELS = [WHITE, RED, WHITE, WHITE, WHITE, WHITE, WHITE, WHITE];

describe("moving", () => {
  test("leaves background where it was, and costs both", () => {
    selection.select(AREA);
    expect(selection.holds([13, 11])).toBe(true);
    expect(selection.holds([14, 11])).toBe(false);
    expect(selection.lift()).toBe(true);
    expect(planned.at(-1)).toBe(16);
    selection.moveBy(5, -2);
    expect(selection.box).toEqual({ x0: 15, y0: 8, x1: 18, y1: 9 });
    expect(selection.drop()).toBe(true);
    expect(drawn[0]).toEqual(HOLE);
    expect(drawn.slice(1).map(patchAt)).toEqual([
      { box: { x0: 15, y0: 8, x1: 18, y1: 9 }, pixels: PIXELS },
    ]);
    expect(costOf(drawn)).toBe(16);
    expect(selection.box).toBeNull();
    expect(planned.at(-1)).toBeNull();
  });

  test("over the edge sends what is on the canvas, and never all of it gets lost", () => {
    selection.select(AREA);
    selection.lift();
    selection.moveBy(-500, -500);
    expect(selection.box).toEqual({ x0: -3, y0: -1, x1: 0, y1: 0 });
    selection.drop();
    expect(drawn.slice(1).map(patchAt)).toEqual([
      { box: { x0: 0, y0: 0, x1: 0, y1: 0 }, pixels: [WHITE] },
    ]);
  });

  test("back to where it was, or given up, draws nothing", () => {
    selection.select(AREA);
    selection.nudge(1, 0);
    selection.nudge(-1, 0);
    expect(selection.drop()).toBe(true);
    selection.select(AREA);
    selection.nudge(5, 5);
    expect(selection.giveUp()).toBe(true);
    expect(selection.giveUp()).toBe(false);
    expect(drawn).toEqual([]);
    expect(selection.nudge(1, 1)).toBe(false);
  });

  test("floats on where it can't be afforded", () => {
    selection.select(AREA);
    selection.nudge(5, 5);
    affordable = false;
    expect(selection.drop()).toBe(false);
    expect(selection.floating.value).not.toBeNull();
  });
});

describe("the clipboard", () => {
  test("a copy floats in the middle of where it is pasted, again and again", () => {
    selection.select(AREA);
    expect(selection.copy()).toBe(true);
    const { value: copied } = selection.clipboard;
    expect([...(copied?.pixels ?? [])]).toEqual(PIXELS);
    if (copied === null) return;
    selection.float(copied, [50, 50]);
    expect(selection.box).toEqual({ x0: 48, y0: 49, x1: 51, y1: 50 });
    selection.float(copied, [0, 0]);
    expect(drawn.map(patchAt)).toEqual([
      { box: { x0: 48, y0: 49, x1: 51, y1: 50 }, pixels: PIXELS },
    ]);
    expect(selection.box).toEqual({ x0: 0, y0: 0, x1: 3, y1: 1 });
  });

  test("cutting copies and leaves background", () => {
    selection.select(AREA);
    selection.cut();
    expect(drawn).toEqual([HOLE]);
    expect(selection.clipboard.value).not.toBeNull();
    expect(selection.box).toBeNull();
  });

  test("clearing what floats leaves the hole, and of what was pasted nothing", () => {
    selection.select(AREA);
    selection.nudge(20, 20);
    selection.clear();
    expect(drawn).toEqual([HOLE]);
    const pasted = { x0: 0, y0: 0, width: 1, height: 1, pixels: new Uint32Array([RED]) };
    selection.float(pasted, [5, 5]);
    selection.clear();
    expect(drawn).toEqual([HOLE]);
    expect(selection.box).toBeNull();
  });
});

describe("what can't be read", () => {
  test.each<[string, Box, RegExp]>([
    ["not loaded", { x0: 60, y0: 0, x1: 70, y1: 5 }, /Not all of that is loaded/],
    ["too large", { x0: 0, y0: 0, x1: 2000, y1: 2000 }, /too large/],
  ])("is told: %s", (_, area, text) => {
    selection.select(area);
    expect(selection.lift()).toBe(false);
    expect(selection.copy()).toBe(false);
    expect(toasts.value[0].text).toMatch(text);
    expect(selection.area.value).toEqual(area);
  });

  test("from far away single pixels can't be had", () => {
    look(1);
    selection.select(AREA);
    expect(selection.lift()).toBe(false);
    expect(toasts.value[0].text).toContain("Zoom in first");
  });
});

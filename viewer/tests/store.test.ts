import { zlibSync } from "fflate";
import { beforeEach, describe, expect, test } from "vitest";
import { packColour } from "../src/canvas/raster";
import { INCOMPLETE, TileStore, type View } from "../src/canvas/store";
import type { Tile } from "../src/wire/wire.gen";

const SIZE = { width: 1024, height: 1000 };
const view = (x0: number, y0: number, x1: number, y1: number, level = 0): View => ({
  level,
  tiles: { x0, y0, x1, y1 },
});
const blank = (tx: number, ty: number, seq: number, level = 0): Tile => ({
  type: "Tile",
  level,
  tx,
  ty,
  seq,
  encoding: 0,
  payload: new Uint8Array([255, 255, 255]),
});

let store: TileStore;

beforeEach(() => {
  store = new TileStore(4);
});

describe("VIEWPORT", () => {
  test("names canvas pixels, cut off at the edge", () => {
    expect(store.look(view(14, 14, 15, 15), SIZE)).toEqual({
      type: "Viewport",
      level: 0,
      x0: 896,
      y0: 896,
      x1: 1023,
      y1: 999,
      known: [],
    });
    expect(store.look(view(0, 0, 1, 1, 3), SIZE)).toMatchObject({ x0: 0, x1: 1023, y1: 999 });
  });

  test("lists tiles held from before, but not those of the last view", () => {
    store.look(view(0, 0, 1, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.put(blank(1, 0, 11));
    expect(store.look(view(1, 0, 2, 0), SIZE).known).toEqual([]);
    expect(store.look(view(0, 0, 1, 0), SIZE).known).toEqual([[0, 0, 10]]);
  });

  test("lists all that is held on a new connection", () => {
    store.look(view(0, 0, 1, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.put(blank(1, 0, 11));
    store.connected();
    expect(store.look(view(0, 0, 1, 0), SIZE).known).toEqual([
      [0, 0, 10],
      [1, 0, 11],
    ]);
  });

  test("lists tiles of its own level only", () => {
    store.put(blank(0, 0, 10));
    store.put(blank(0, 0, 12, 1));
    expect(store.look(view(0, 0, 1, 1, 1), SIZE).known).toEqual([[0, 0, 12]]);
  });
});

describe("how far a tile is complete", () => {
  test("a CLOCK moves the tiles of its view on, and no others", () => {
    store.look(view(0, 0, 1, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.put(blank(5, 5, 10));
    store.clock(1, 20);
    expect(store.get(0, 0, 0)?.seq).toBe(20);
    expect(store.get(0, 5, 5)?.seq).toBe(10);
  });

  test("a CLOCK of an older view doesn't reach tiles that only the new one holds", () => {
    store.look(view(0, 0, 0, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.put(blank(1, 0, 10));
    store.look(view(0, 0, 1, 0), SIZE);
    store.clock(1, 20);
    expect(store.get(0, 1, 0)?.seq).toBe(10);
    store.clock(2, 21);
    expect(store.get(0, 1, 0)?.seq).toBe(21);
  });

  test("a CLOCK never takes a tile back", () => {
    store.look(view(0, 0, 0, 0), SIZE);
    store.put(blank(0, 0, 30));
    store.clock(1, 20);
    expect(store.get(0, 0, 0)?.seq).toBe(30);
  });

  test("a CLOCK says nothing of higher levels", () => {
    store.look(view(0, 0, 0, 0, 2), SIZE);
    store.put(blank(0, 0, 10, 2));
    store.clock(1, 20);
    expect(store.get(2, 0, 0)?.seq).toBe(10);
  });

  test("a CLOCK of a view that this connection never sent says nothing", () => {
    store.look(view(0, 0, 0, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.connected();
    expect(store.clock(1, 20)).toBeNull();
    expect(store.get(0, 0, 0)?.seq).toBe(10);
  });
});

describe("another epoch", () => {
  test("keeps what is in view only to be looked at", () => {
    store.look(view(0, 0, 1, 0), SIZE);
    store.put(blank(0, 0, 10));
    store.put(blank(7, 7, 10));
    store.forget();
    expect(store.get(0, 7, 7)).toBeUndefined();
    expect(store.get(0, 0, 0)?.seq).toBe(INCOMPLETE);
    expect(store.pixel(3, 3)).toBeNull();
    store.clock(1, 20);
    expect(store.get(0, 0, 0)?.seq).toBe(INCOMPLETE);
    store.connected();
    expect(store.look(view(0, 0, 1, 0), SIZE).known).toEqual([]);
  });
});

describe("content", () => {
  beforeEach(() => {
    store.look(view(0, 0, 3, 3), SIZE);
  });

  test("a zlib tile has its pixels in rows", () => {
    const rgb = new Uint8Array(64 * 64 * 3);
    rgb.set([1, 2, 3], (5 * 64 + 7) * 3);
    store.put({ ...blank(1, 2, 9), encoding: 1, payload: zlibSync(rgb) });
    expect(store.pixel(64 + 7, 128 + 5)).toBe(packColour(1, 2, 3));
    expect(store.pixel(64, 128)).toBe(packColour(0, 0, 0));
  });

  test("a damaged tile is refused", () => {
    const payload = zlibSync(new Uint8Array(12));
    expect(() => store.put({ ...blank(0, 0, 1), encoding: 1, payload })).toThrow(RangeError);
    expect(() => store.put({ ...blank(0, 0, 1), payload })).toThrow(RangeError);
  });

  test("a drawing is drawn on held tiles, and says what changed", () => {
    const changes: unknown[] = [];
    store.put(blank(0, 0, 1));
    store.onChange = (tile, changed) => changes.push([tile.tx, tile.ty, changed]);
    store.draw({ type: "Rect", line: 0, x0: 60, y0: 2, x1: 70, y1: 3, r: 9, g: 9, b: 9 }, SIZE);
    expect(changes).toEqual([[0, 0, { x0: 60, y0: 2, x1: 63, y1: 3 }]]);
    expect(store.pixel(63, 3)).toBe(packColour(9, 9, 9));
    expect(store.pixel(64, 3)).toBeNull();
  });

  test("a pixel is drawn where it is, and nowhere off the canvas", () => {
    const changes: unknown[] = [];
    store.look(view(0, 14, 3, 15), SIZE);
    store.put(blank(1, 15, 1));
    store.onChange = (tile, changed) => changes.push([tile.tx, tile.ty, changed]);
    const red = { type: "Pixel", r: 9, g: 8, b: 7 } as const;
    store.draw({ ...red, x: 66, y: 999 }, SIZE);
    store.draw({ ...red, x: 66, y: 1000 }, SIZE);
    store.draw({ ...red, x: 0, y: 999 }, SIZE);
    expect(changes).toEqual([[1, 15, { x0: 2, y0: 39, x1: 2, y1: 39 }]]);
    expect(store.pixel(66, 999)).toBe(packColour(9, 8, 7));
    expect(store.pixel(66, 1000)).toBe(packColour(255, 255, 255));
  });

  test("zoomed out, a pixel is shown by the overview's", () => {
    const rgb = new Uint8Array(64 * 64 * 3);
    rgb.set([4, 5, 6], (1 * 64 + 2) * 3);
    store.put(blank(4, 0, 9));
    store.look(view(0, 0, 3, 3, 2), SIZE);
    store.put({ ...blank(1, 0, 9, 2), encoding: 1, payload: zlibSync(rgb) });
    expect(store.pixel(256 + 11, 7)).toBe(packColour(4, 5, 6));
    expect(store.pixel(11, 7)).toBeNull();
  });

  test("what is held outside the view isn't shown", () => {
    store.put(blank(0, 0, 9));
    expect(store.pixel(1, 1)).not.toBeNull();
    store.look(view(1, 1, 3, 3), SIZE);
    expect(store.pixel(1, 1)).toBeNull();
  });
});

test("keeps the tiles used last of those outside the view", () => {
  store.look(view(0, 0, 9, 0), SIZE);
  for (let tx = 0; tx < 10; tx++) store.put(blank(tx, 0, 1));
  store.look(view(8, 0, 9, 0), SIZE);
  expect(store.size).toBe(6);
  expect(store.get(0, 3, 0)).toBeUndefined();
  expect(store.get(0, 4, 0)).toBeDefined();
  expect(store.get(0, 8, 0)).toBeDefined();
});

test("zooming out and in again, what is held of both levels is known", () => {
  store = new TileStore(64);
  const near = view(2, 2, 3, 3);
  const far = view(0, 0, 1, 1, 2);
  store.look(near, SIZE);
  for (const tx of [2, 3]) for (const ty of [2, 3]) store.put(blank(tx, ty, 7));
  store.clock(1, 9);
  expect(store.look(far, SIZE).known).toEqual([]);
  for (const tx of [0, 1]) for (const ty of [0, 1]) store.put(blank(tx, ty, 8, 2));
  expect(store.look(near, SIZE).known.map(([, , seq]) => seq)).toEqual([9, 9, 9, 9]);
  expect(store.look(far, SIZE).known.map(([, , seq]) => seq)).toEqual([8, 8, 8, 8]);
});

test("is loaded with its CLOCK and each of its tiles", () => {
  expect(store.loaded).toBe(false);
  store.look(view(0, 0, 1, 0), SIZE);
  store.put(blank(0, 0, 1));
  store.clock(1, 1);
  expect(store.loaded).toBe(false);
  store.put(blank(1, 0, 1));
  expect(store.loaded).toBe(true);
  store.look(view(0, 0, 0, 0), SIZE);
  expect(store.loaded).toBe(false);
  store.clock(2, 1);
  expect(store.loaded).toBe(true);
  store.forget();
  expect(store.loaded).toBe(false);
});

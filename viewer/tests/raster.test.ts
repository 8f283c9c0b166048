import { zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { TILE } from "../src/canvas/geometry";
import {
  boundsOf,
  check,
  cost,
  type Drawing,
  packColour,
  paint,
  tilesTouched,
} from "../src/canvas/raster";
import type { Patch } from "../src/wire/wire.gen";
import { load, message, type Vector } from "./vectors";

const { painted, rejected } = load("raster");
const LIMITS = { max_message_pixels: 1_048_576, max_message_tiles: 4096 };

interface Case {
  readonly drawing: Drawing;
  readonly size: { readonly width: number; readonly height: number };
}

function read(vector: Vector): Case {
  const [width, height] = vector.canvas as [number, number];
  return { drawing: message(vector.message) as Drawing, size: { width, height } };
}

const placeOf = (x: number, y: number) => y * 65_536 + x;

/** What the drawing paints, tile by tile: place to colour. */
function paintTiles({ drawing, size }: Case): Map<number, number> {
  const found = new Map<number, number>();
  const untouched: string[] = [];
  for (const [tx, ty] of tilesTouched(drawing, size)) {
    const [x0, y0] = [tx * TILE, ty * TILE];
    const pixels = new Uint32Array(TILE * TILE);
    const surface = { x0, y0, width: TILE, height: TILE, pixels };
    if (!paint(drawing, surface, size)) untouched.push(`${tx},${ty}`);
    for (let i = 0; i < pixels.length; i++) {
      if (pixels[i] !== 0) found.set(placeOf(x0 + (i % TILE), y0 + (i >> 6)), pixels[i]);
    }
  }
  expect(untouched).toEqual([]);
  return found;
}

function expected(vector: Vector, drawing: Drawing): Map<number, number> {
  const own = drawing.type === "Patch" ? [0, 0, 0] : [drawing.r, drawing.g, drawing.b];
  const colour = packed((vector.colour ?? own) as number[]);
  const found = new Map<number, number>();
  const [ax, ay] = (vector.at ?? [0, 0]) as [number, number];
  for (const [y, row] of ((vector.picture ?? []) as string[]).entries()) {
    for (const [x, mark] of [...row].entries()) {
      if (mark === "#") found.set(placeOf(ax + x, ay + y), colour);
    }
  }
  for (const [y, x0, x1] of (vector.rows ?? []) as [number, number, number][]) {
    for (let x = x0; x <= x1; x++) found.set(placeOf(x, y), colour);
  }
  for (const [x, y, ...rgb] of (vector.pixels ?? []) as number[][]) {
    found.set(placeOf(x, y), packed(rgb));
  }
  return found;
}

const packed = ([r, g, b]: number[]) => packColour(r, g, b);

describe("the shared vectors", () => {
  test.each(painted)("draws $name", (vector) => {
    const example = read(vector);
    const { drawing, size } = example;
    expect(check(drawing, size, LIMITS)).toBeNull();
    expect(cost(drawing)).toBe(vector.cost);
    if ("tiles" in vector) expect(tilesTouched(drawing, size)).toHaveLength(Number(vector.tiles));
    const found = paintTiles(example);
    if (!("sample" in vector)) {
      expect(found).toEqual(expected(vector, drawing));
      return;
    }
    const sample = vector.sample as { count: number; painted: number[][]; blank: number[][] };
    expect(found.size).toBe(sample.count);
    for (const [x, y] of sample.painted) expect(found.has(placeOf(x, y)), `${x},${y}`).toBe(true);
    for (const [x, y] of sample.blank) expect(found.has(placeOf(x, y)), `${x},${y}`).toBe(false);
  });

  test.each(rejected)("refuses $name", (vector) => {
    const { drawing, size } = read(vector);
    expect(check(drawing, size, LIMITS)).toBe(vector.reject);
  });
});

describe("surfaces", () => {
  const size = { width: 300, height: 300 };

  test("a stroke is the same however the canvas is cut up", () => {
    const points: [number, number][] = [
      [3, 290],
      [250, 20],
      [251, 180],
      [10, 10],
    ];
    const drawing: Drawing = { type: "Stroke", size: 9, r: 1, g: 2, b: 3, points };
    const whole = { x0: 0, y0: 0, ...size, pixels: new Uint32Array(size.width * size.height) };
    paint(drawing, whole, size);
    for (const step of [64, 97, 256]) {
      const joined = new Uint32Array(whole.pixels.length);
      for (let y0 = 0; y0 < 300; y0 += step) {
        for (let x0 = 0; x0 < 300; x0 += step) {
          const pixels = new Uint32Array(step * step);
          paint(drawing, { x0, y0, width: step, height: step, pixels }, size);
          const right = Math.min(step, 300 - x0);
          for (let y = 0; y < Math.min(step, 300 - y0); y++) {
            joined.set(pixels.subarray(y * step, y * step + right), (y0 + y) * 300 + x0);
          }
        }
      }
      expect(joined.findIndex((pixel, i) => pixel !== whole.pixels[i])).toBe(-1);
    }
  });

  test("nothing is painted beyond the canvas's edge", () => {
    const edge = { width: 10, height: 10 };
    const drawing: Drawing = { type: "Stroke", size: 20, r: 9, g: 9, b: 9, points: [[9, 9]] };
    const surface = { x0: 0, y0: 0, width: 64, height: 64, pixels: new Uint32Array(64 * 64) };
    paint(drawing, surface, edge);
    expect(surface.pixels[9 * 64 + 9]).not.toBe(0);
    expect(surface.pixels[9 * 64 + 10]).toBe(0);
    expect(surface.pixels[10 * 64 + 9]).toBe(0);
    expect(boundsOf(drawing, edge)).toEqual({ x0: 0, y0: 0, x1: 9, y1: 9 });
  });

  test("a patch leaves alone what is transparent", () => {
    const data = zlibSync(new Uint8Array([10, 20, 30, 255, 99, 99, 99, 0]));
    const patch: Patch = { type: "Patch", x0: 5, y0: 5, x1: 6, y1: 5, data };
    const surface = { x0: 4, y0: 4, width: 4, height: 4, pixels: new Uint32Array(16).fill(7) };
    expect(paint(patch, surface, size)).toBe(true);
    expect(surface.pixels[5]).toBe(0xff1e140a);
    expect(surface.pixels[6]).toBe(7);
  });

  test("a stream with its own checksum once more after it is refused", () => {
    const data = zlibSync(new Uint8Array([1, 2, 3, 255]));
    const doubled = new Uint8Array([...data, ...data.subarray(-4)]);
    const patch = (data: Uint8Array): Patch => ({
      type: "Patch",
      x0: 0,
      y0: 0,
      x1: 0,
      y1: 0,
      data,
    });
    expect(check(patch(data), size, LIMITS)).toBeNull();
    expect(check(patch(doubled), size, LIMITS)).toBe(2);
  });
});

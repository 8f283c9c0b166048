import { describe, expect, test } from "vitest";
import { costOfPatches, merged, patchesOf } from "../src/canvas/patches";
import { cost, packColour, paint, patchPixels, type Surface } from "../src/canvas/raster";
import { flood } from "../src/drawing/fill";

const A = packColour(1, 1, 1);
const B = packColour(2, 2, 2);
const NEW = packColour(9, 8, 7);
const COLOURS: Record<string, number> = { ".": A, "#": B, " ": 0 };

/** A surface at (100, 50) of the canvas from rows of signs. */
function surface(...rows: string[]): Surface {
  const pixels = Uint32Array.from(rows.join(""), (sign) => COLOURS[sign]);
  return { x0: 100, y0: 50, width: rows[0].length, height: rows.length, pixels };
}

/** Where the surface has pixels to paint. */
function shape({ width, height, pixels }: Surface): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from(pixels.subarray(y * width, (y + 1) * width), (each) => (each ? "x" : ".")).join(""),
  );
}

function filled(area: Surface, x: number, y: number, most = 1000): string[] | string {
  const found = flood(area, x, y, NEW, most);
  if (typeof found === "string") return found;
  expect(found.pixels.every((pixel) => pixel === 0 || pixel === NEW)).toBe(true);
  return shape(found);
}

describe("flood", () => {
  test("goes round corners, and not through diagonal gaps", () => {
    const area = surface(".#...#.", ".#.#.#.", "...#.#.", "####.#.", "...#.#.", "..#..##");
    expect(filled(area, 100, 50)).toEqual([
      "x.xxx..",
      "x.x.x..",
      "xxx.x..",
      "....x..",
      "....x..",
      "...xx..",
    ]);
  });

  test("finds every pixel that a search one by one finds", () => {
    const side = 40;
    let random = 1;
    const next = () => {
      random = (random * 48_271) % 2_147_483_647;
      return random / 2_147_483_647;
    };
    for (let round = 0; round < 20; round++) {
      const pixels = Uint32Array.from({ length: side * side }, () => (next() < 0.6 ? A : B));
      pixels[0] = A;
      const found = flood({ x0: 0, y0: 0, width: side, height: side, pixels }, 0, 0, NEW, 1e6);
      const wanted = new Uint32Array(side * side);
      const queue = [[0, 0]];
      for (let at = queue.pop(); at; at = queue.pop()) {
        const [x, y] = at;
        if (x < 0 || y < 0 || x >= side || y >= side) continue;
        if (pixels[y * side + x] !== A || wanted[y * side + x]) continue;
        wanted[y * side + x] = NEW;
        queue.push([x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]);
      }
      expect((found as Surface).pixels).toEqual(wanted);
    }
  });

  test("is refused where it reaches what isn't loaded, on any side", () => {
    expect(filled(surface("##.##", "##.##", "# . #"), 102, 50)).toBe("unloaded");
    expect(filled(surface("#. ##"), 101, 50)).toBe("unloaded");
    expect(filled(surface("# .##"), 102, 50)).toBe("unloaded");
    expect(filled(surface("# ", "#.", "##"), 101, 51)).toBe("unloaded");
    expect(filled(surface("#.", "# "), 101, 50)).toBe("unloaded");
    expect(filled(surface(" ."), 100, 50)).toBe("unloaded");
    expect(filled(surface(" #.#"), 102, 50)).toEqual(["..x."]);
  });

  test("is refused where it is too large, and does nothing in its own colour", () => {
    expect(filled(surface("....."), 100, 50, 4)).toBe("large");
    expect(filled(surface("....."), 100, 50, 5)).toEqual(["xxxxx"]);
    expect(flood(surface("..."), 100, 50, A, 9)).toBe("same");
  });
});

/** Whether the patches paint exactly a surface's pixels. */
function makeUp(patches: ReturnType<typeof patchesOf>, surface: Surface): boolean {
  const target = { ...surface, pixels: new Uint32Array(surface.pixels.length) };
  for (const patch of patches) paint(patch, target, { width: 65_536, height: 65_536 });
  return target.pixels.every((pixel, i) => pixel === surface.pixels[i]);
}

describe("patches", () => {
  test("paint exactly the pixels, within the limits, at the cost that was told", () => {
    const side = 700;
    const pixels = new Uint32Array(side * side);
    for (let i = 0; i < pixels.length; i++) {
      const [x, y] = [i % side, Math.floor(i / side)];
      const ring = Math.abs(Math.hypot(x - 350, y - 350) - 300);
      if (ring < 20 || (x > 600 && y < 90)) pixels[i] = packColour(x & 255, y & 255, (x * y) & 255);
    }
    const whole: Surface = { x0: 30, y0: 40, width: side, height: side, pixels };
    const patches = patchesOf(whole);
    expect(makeUp(patches, whole)).toBe(true);
    for (const patch of patches) {
      expect(cost(patch)).toBeLessThanOrEqual(65_536);
      expect(patch.data.length + 13).toBeLessThanOrEqual(65_536);
      expect(patchPixels(patch)).not.toBeNull();
    }
    const paid = patches.reduce((sum, patch) => sum + cost(patch), 0);
    expect(paid).toBe(costOfPatches(whole));
    const count = pixels.filter((pixel) => pixel !== 0).length;
    expect(paid).toBeLessThan(count * 1.3);
  });

  test("noise is cut until each stream fits in a frame", () => {
    const side = 256;
    let random = 7;
    const pixels = Uint32Array.from({ length: side * side }, () => {
      random = (random * 48_271) % 2_147_483_647;
      return (0xff000000 | (random >>> 4)) >>> 0;
    });
    const whole: Surface = { x0: 0, y0: 0, width: side, height: side, pixels };
    const patches = patchesOf(whole);
    expect(patches.length).toBeGreaterThan(2);
    for (const { data } of patches) expect(data.length + 13).toBeLessThanOrEqual(65_536);
    expect(makeUp(patches, whole)).toBe(true);
  });

  test("nothing is no patch, one pixel a patch of one, a thin line hardly more than its pixels", () => {
    const blank: Surface = {
      x0: 0,
      y0: 0,
      width: 100,
      height: 100,
      pixels: new Uint32Array(10_000),
    };
    expect(patchesOf(blank)).toEqual([]);
    const one = { ...blank, pixels: blank.pixels.slice() };
    one.pixels[4242] = NEW;
    expect(patchesOf(one)).toMatchObject([{ x0: 42, y0: 42, x1: 42, y1: 42 }]);
    const line = { ...blank, pixels: blank.pixels.slice() };
    for (let i = 0; i < 100; i++) line.pixels[i * 101] = NEW;
    expect(costOfPatches(line)).toBeLessThanOrEqual(400);
    expect(makeUp(patchesOf(line), line)).toBe(true);
    const thrifty = patchesOf(line, true);
    expect(thrifty.reduce((sum, patch) => sum + cost(patch), 0)).toBe(100);
    expect(makeUp(thrifty, line)).toBe(true);
  });

  test("surfaces that lie close together become one", () => {
    const left: Surface = { x0: 10, y0: 5, width: 2, height: 1, pixels: new Uint32Array([A, B]) };
    const right: Surface = { x0: 12, y0: 6, width: 1, height: 1, pixels: new Uint32Array([NEW]) };
    expect(merged([left, right])).toEqual([
      { x0: 10, y0: 5, width: 3, height: 2, pixels: new Uint32Array([A, B, 0, 0, 0, NEW]) },
    ]);
    const far = { ...right, x0: 60_000, y0: 60_000 };
    expect(merged([left, far])).toEqual([left, far]);
  });
});

import { zlibSync } from "fflate";
import { beforeEach, describe, expect, test } from "vitest";
import { nearestOf } from "../src/canvas/colour";
import { packColour } from "../src/canvas/raster";
import { TileStore } from "../src/canvas/store";
import { capture } from "../src/templates/capture";
import { Comparison } from "../src/templates/comparison";
import { enlarge, enlargementOf, reduce } from "../src/templates/enlargement";
import { ImageError, ownAddress, withoutAlpha } from "../src/templates/image";
import { LINK_BYTES_MAX, readOffer, writeOffer } from "../src/templates/share-link";
import type { Template, TemplateImage } from "../src/templates/template";

const CANVAS = { width: 1024, height: 1024 };
const RED = packColour(255, 0, 0);
const BLUE = packColour(0, 0, 255);
const WHITE = packColour(255, 255, 255);

/** An image from rows of letters: r, b, w, and a dot for nothing. */
function imageOf(...rows: string[]): TemplateImage {
  const colours: Record<string, number> = { r: RED, b: BLUE, w: WHITE, ".": 0 };
  const pixels = Uint32Array.from([...rows.join("")], (letter) => colours[letter]);
  return { width: rows[0].length, height: rows.length, pixels };
}

/** An image in which no two neighbours are alike. */
function noise(width: number, height: number): TemplateImage {
  const pixels = Uint32Array.from({ length: width * height }, (_, i) =>
    packColour((i * 7) & 0xff, (i * 13) & 0xff, (i * 29) & 0xff),
  );
  return { width, height, pixels };
}

describe("an enlarged image", () => {
  test.each([2, 3, 5, 16])("by %i is found and brought back", (times) => {
    const image = noise(24, 15);
    const enlarged = enlarge(image, times);
    expect(enlarged.width).toBe(24 * times);
    expect(enlargementOf(enlarged)).toBe(times);
    expect(reduce(enlarged, times)).toEqual(image);
  });

  test("with one pixel that breaks the squares is none", () => {
    const enlarged = enlarge(noise(16, 16), 4);
    enlarged.pixels[5 * enlarged.width + 5] = BLUE;
    expect(enlargementOf(enlarged)).toBe(1);
  });

  test("a plain one is taken as it is", () => {
    expect(enlargementOf(enlarge(imageOf("rb", "br"), 32))).toBe(1);
    expect(enlargementOf({ width: 64, height: 64, pixels: new Uint32Array(4096).fill(RED) })).toBe(
      1,
    );
    expect(enlargementOf(noise(17, 9))).toBe(1);
  });
});

describe("transparency", () => {
  test("more than half is nothing, less is the full colour", () => {
    const pixels = Uint32Array.of(0x7f0000ff, 0x800000ff, RED, 0);
    expect([...withoutAlpha({ width: 4, height: 1, pixels }).pixels]).toEqual([0, RED, RED, 0]);
  });

  test("an image of nothing is refused", () => {
    const nothing = { width: 2, height: 1, pixels: new Uint32Array(2) };
    expect(() => withoutAlpha(nothing)).toThrow(ImageError);
  });
});

describe("the nearest colour", () => {
  test("is the one that the eye takes for it", () => {
    const nearest = nearestOf([
      [255, 255, 255],
      [0, 0, 0],
      [255, 0, 0],
      [0, 0, 255],
    ]);
    expect(nearest(packColour(200, 30, 40))).toBe(RED);
    expect(nearest(packColour(20, 30, 180))).toBe(BLUE);
    expect(nearest(packColour(240, 240, 230))).toBe(WHITE);
    expect(nearest(packColour(200, 30, 40) & 0xffffff)).toBe(RED);
    // Asked twice, and of far more colours than are remembered.
    for (let i = 0; i < 40_000; i++) nearest(packColour(i & 0xff, (i >> 8) & 0xff, 128));
    expect(nearest(packColour(200, 30, 40))).toBe(RED);
  });

  test("needs a palette", () => {
    expect(() => nearestOf([])).toThrow(RangeError);
  });
});

describe("comparing", () => {
  let store: TileStore;
  let comparison: Comparison;
  const work = () => comparison.work(store, Infinity, () => 0);

  beforeEach(() => {
    store = new TileStore(1024);
    store.look({ level: 0, tiles: { x0: 0, y0: 0, x1: 3, y1: 0 } }, CANVAS);
    store.onChange = (tile, changed) => comparison.tileChanged(tile, changed);
    store.onForget = () => comparison.forget();
    // It lies on tiles (0, 0) and (1, 0).
    comparison = new Comparison(imageOf("rr.b", "bbbw"), null);
    comparison.place(62, 10, CANVAS);
  });

  const snapshot = (tx: number, colour: readonly number[], seq = 1) =>
    store.put({
      type: "Tile",
      level: 0,
      tx,
      ty: 0,
      seq,
      encoding: 0,
      payload: Uint8Array.from(colour),
    });
  const paintPixel = (x: number, y: number, [r, g, b]: readonly [number, number, number]) =>
    store.draw({ type: "Pixel", x, y, r, g, b }, CANVAS);

  test("counts what is there, and says what was never seen", () => {
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 0, wrong: 0 });
    snapshot(0, [255, 0, 0]);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 2, wrong: 2 });
    snapshot(1, [255, 255, 255]);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 3, wrong: 4 });
  });

  test("follows each pixel that is painted, and takes nothing else for one", () => {
    snapshot(0, [255, 255, 255]);
    snapshot(1, [255, 255, 255]);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 1, wrong: 6 });
    paintPixel(62, 10, [255, 0, 0]);
    paintPixel(64, 10, [0, 0, 0]);
    paintPixel(66, 11, [255, 0, 0]);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 2, wrong: 5 });
    paintPixel(62, 10, [0, 255, 0]);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 1, wrong: 6 });
  });

  test("an epoch that ended counts no more, until its tiles come again", () => {
    snapshot(0, [255, 0, 0]);
    work();
    store.forget();
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 0, wrong: 0 });
    snapshot(0, [255, 0, 0], 2);
    work();
    expect(comparison.progress).toEqual({ total: 7, right: 2, wrong: 2 });
  });

  test("the nearest wrong pixel is told, of those that are accepted", () => {
    snapshot(0, [255, 0, 0]);
    snapshot(1, [255, 255, 255]);
    work();
    const all = () => true;
    expect(comparison.nearestWrong(0, 0, all)).toEqual([62, 11]);
    expect(comparison.nearestWrong(900, 0, all)).toEqual([65, 10]);
    expect(comparison.nearestWrong(63, 12, all)).toEqual([63, 11]);
    expect(comparison.nearestWrong(63, 11, (x, y) => !(x === 63 && y === 11))).toEqual([64, 11]);
    expect(comparison.target(63, 11)).toBe(BLUE);
    expect(comparison.nearestWrong(63, 11, () => false)).toBeNull();
  });

  test("the nearest wrong pixel is the nearest of a thousand", () => {
    store.look({ level: 0, tiles: { x0: 0, y0: 0, x1: 0, y1: 0 } }, CANVAS);
    const pixels = new Uint32Array(64 * 64).fill(RED);
    comparison = new Comparison({ width: 64, height: 64, pixels }, null);
    comparison.place(0, 0, CANVAS);
    snapshot(0, [255, 0, 0]);
    const wrong: [number, number][] = [];
    for (let i = 0; i < 40; i++) {
      const at: [number, number] = [(i * 37) % 64, (i * 23 + 5) % 64];
      wrong.push(at);
      paintPixel(...at, [0, 0, 0]);
    }
    work();
    const away = ([px, py]: readonly [number, number], x: number, y: number) =>
      (px - x) ** 2 + (py - y) ** 2;
    for (let y = -8; y < 80; y += 3) {
      for (let x = -8; x < 80; x += 3) {
        const found = comparison.nearestWrong(x, y, () => true) ?? [Infinity, 0];
        expect(away(found, x, y)).toBe(Math.min(...wrong.map((at) => away(at, x, y))));
      }
    }
  });

  test("what lies off the canvas doesn't count", () => {
    comparison.place(-2, 1023, CANVAS);
    work();
    expect(comparison.progress.total).toBe(1);
    comparison.place(2000, 0, CANVAS);
    work();
    expect(comparison.progress.total).toBe(0);
    expect(comparison.nearestWrong(0, 0, () => true)).toBeNull();
  });

  test("follows 10,000 pixels a second under a million in far less than a frame", () => {
    const side = 1000;
    const tiles = { x0: 0, y0: 0, x1: 15, y1: 15 };
    store.look({ level: 0, tiles }, CANVAS);
    comparison = new Comparison(noise(side, side), null);
    comparison.place(0, 0, CANVAS);
    for (let ty = 0; ty <= 15; ty++) {
      for (let tx = 0; tx <= 15; tx++) {
        const payload = Uint8Array.of(1, 2, 3);
        store.put({ type: "Tile", level: 0, tx, ty, seq: 1, encoding: 0, payload });
      }
    }
    work();
    let spent = 0;
    const timed = (action: () => void) => {
      const began = performance.now();
      action();
      spent += performance.now() - began;
    };
    store.onChange = (tile, changed) => timed(() => comparison.tileChanged(tile, changed));
    const times: number[] = [];
    for (let frame = 0; frame < 200; frame++) {
      const changed: [number, number][] = [];
      for (let i = 0; i < 167; i++) {
        changed.push([(frame * 7919 + i * 104729) % side, (frame * 6007 + i * 7907) % side]);
      }
      for (const [x, y] of changed) paintPixel(x, y, [frame & 0xff, 0, 0]);
      timed(work);
      times.push(spent);
      spent = 0;
    }
    times.sort((a, b) => a - b);
    expect(times[100]).toBeLessThan(2);
    expect(comparison.progress.total).toBe(side * side);
  });

  test("goes on with the next frame when its time is up", () => {
    comparison = new Comparison(
      noise(640, 640),
      nearestOf([
        [0, 0, 0],
        [255, 255, 255],
      ]),
    );
    comparison.place(0, 0, CANVAS);
    const rows: number[] = [];
    comparison.onTargets = (y0, y1) => rows.push(y0, y1);
    let turns = 0;
    while (!comparison.settled && turns < 10_000) {
      comparison.work(store, 0, () => 1);
      turns++;
    }
    expect(turns).toBeGreaterThan(20);
    expect(rows.at(0)).toBe(0);
    expect(rows.at(-1)).toBe(639);
    expect(comparison.progress.total).toBe(640 * 640);
    expect(comparison.work(store, 0, () => 1)).toBe(false);
  });
});

describe("capturing", () => {
  test("takes the pixels over the tiles' edges, and nothing that isn't there", () => {
    const store = new TileStore(16);
    store.look({ level: 0, tiles: { x0: 0, y0: 0, x1: 1, y1: 1 } }, CANVAS);
    const box = { x0: 63, y0: 62, x1: 65, y1: 64 };
    for (const [tx, ty, red] of [
      [0, 0, 10],
      [1, 0, 20],
      [0, 1, 30],
    ]) {
      expect(capture(store, box)).toBeNull();
      const payload = Uint8Array.of(red, 0, 0);
      store.put({ type: "Tile", level: 0, tx, ty, seq: 1, encoding: 0, payload });
    }
    expect(capture(store, { ...box, y1: 63 })).not.toBeNull();
    const payload = Uint8Array.of(40, 0, 0);
    store.put({ type: "Tile", level: 0, tx: 1, ty: 1, seq: 1, encoding: 0, payload });
    store.draw({ type: "Pixel", x: 65, y: 63, r: 99, g: 0, b: 0 }, CANVAS);
    const captured = capture(store, box);
    const reds = Array.from(captured?.pixels ?? [], (pixel) => pixel & 0xff);
    expect(reds).toEqual([10, 20, 20, 10, 20, 99, 30, 40, 40]);
    expect(captured).toMatchObject({ width: 3, height: 3 });
    store.forget();
    expect(capture(store, box)).toBeNull();
  });
});

describe("links", () => {
  const template = (image: TemplateImage, fields: Partial<Template> = {}): Template => ({
    id: "1",
    canvas: "/c/main",
    name: "Grüße 🎨",
    x: -5,
    y: 70,
    opacity: 0.5,
    visible: true,
    image,
    enlargement: 1,
    scale: 1,
    source: null,
    ...fields,
  });

  test("hold a small template, and give the same back", () => {
    const image = imageOf("r.b", ".w.");
    const written = writeOffer(template(image));
    expect(written).toMatch(/^;p=[\w-]+@-5,70$/);
    expect(readOffer(`#1,2,3${written}`)).toEqual({ x: -5, y: 70, name: "Grüße 🎨", image });
    const large = writeOffer(template(image, { scale: 2, enlargement: 2 }));
    expect(readOffer(`#1,2,3${large}`)).toMatchObject({ image: enlarge(image, 2) });
  });

  test("name an image of this server and no other's", () => {
    const source = "/c/main/region.png?x0=0&y0=0&x1=9&y1=9";
    const written = writeOffer(template(imageOf("r"), { source }));
    const offer = readOffer(`#1,2,3${written}`);
    expect(offer).toMatchObject({ x: -5, y: 70 });
    expect(offer && "address" in offer && offer.address.href).toBe(`${location.origin}${source}`);
    for (const foreign of ["https://example.org/x.png", "//example.org/x.png", "data:,x"]) {
      expect(readOffer(`#1,2,3;t=${encodeURIComponent(foreign)}@0,0`)).toBeNull();
    }
    expect(ownAddress("//example.org/x.png")).toBeNull();
    expect(ownAddress("x.png")?.origin).toBe(location.origin);
  });

  test("don't hold what is too large", () => {
    expect(writeOffer(template(noise(100, 100)))).toBeNull();
    const many = writeOffer(template(imageOf("rb".repeat(500), "br".repeat(500))));
    expect(many?.length).toBeLessThan(LINK_BYTES_MAX);
  });

  test("with anything wrong in them bring nothing", () => {
    const good = writeOffer(template(imageOf("r.b", ".w."))) ?? "";
    const bytes = (change: (all: Uint8Array) => Uint8Array) => {
      const [, text] = /=([\w-]+)@/.exec(good) ?? [];
      const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      const all = change(Uint8Array.from(raw, (character) => character.charCodeAt(0)));
      const back = btoa(String.fromCharCode(...all))
        .replaceAll("+", "-")
        .replaceAll("/", "_");
      return `#1,2,3;p=${back.replace(/=+$/, "")}@0,0`;
    };
    expect(readOffer(bytes((all) => all))).not.toBeNull();
    const set = (at: number, value: number) => (all: Uint8Array) => {
      all[at] = value;
      return all;
    };
    // Version, width, height, colours, name length, the stream's last byte.
    for (const at of [0, 1, 2, 3, 4, 5, 6]) expect(readOffer(bytes(set(at, 0xfe)))).toBeNull();
    expect(readOffer(bytes(set(5, 0)))).toBeNull();
    expect(readOffer(bytes((all) => set(all.length - 1, all[all.length - 1] ^ 1)(all)))).toBeNull();
    for (let cut = 1; cut < 20; cut++) {
      expect(readOffer(bytes((all) => all.slice(0, -cut)))).toBeNull();
    }
    // A colour that the table hasn't.
    const wrong = zlibSync(Uint8Array.of(1, 2, 9, 0, 0, 0));
    const outside = bytes((all) => {
      const table = 7 + all[6] + 3 * all[5];
      return Uint8Array.from([...all.slice(0, table), ...wrong]);
    });
    expect(readOffer(outside)).toBeNull();
  });

  test.each([
    "#1,2,3",
    "#1,2,3;",
    "#1,2,3;p=@0,0",
    "#1,2,3;p=!!!@0,0",
    "#1,2,3;t=%E0%A4%A@0,0",
    "#1,2,3;t=/a.png@0",
    "#1,2,3;t=/a.png@0,0,0",
    "#1,2,3;t=/a.png@99999,0",
    "#1,2,3;t=/a.png@1e3,0",
    "#1,2,3;x=/a.png@0,0",
  ])("%s is none", (hash) => {
    expect(readOffer(hash)).toBeNull();
  });
});

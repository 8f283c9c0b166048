import { beforeEach, describe, expect, test } from "vitest";
import { permalink, readPageAddress, readPermalink, socketUrl } from "../src/address";
import { boxArea, levelCount } from "../src/canvas/geometry";
import { Camera, ZOOM_MAX } from "../src/view/camera";

let camera: Camera;

beforeEach(() => {
  camera = new Camera();
  camera.canvas = { width: 1024, height: 1024 };
  camera.resize({ width: 1280, height: 800 }, 1);
});

test("zooming keeps the point under the pointer where it is", () => {
  camera.moveTo(500, 400, 2);
  const before = camera.toCanvas(200, 700);
  camera.zoomAt(200, 700, 3.7);
  const [x, y] = camera.toCanvas(200, 700);
  expect(x).toBeCloseTo(before[0]);
  expect(y).toBeCloseTo(before[1]);
  expect(camera.zoom).toBeCloseTo(7.4);
});

test("screen and canvas points undo each other", () => {
  camera.moveTo(123.4, 567.8, 13);
  const [sx, sy] = camera.toScreen(...camera.toCanvas(17, 29));
  expect([sx, sy]).toEqual([expect.closeTo(17), expect.closeTo(29)]);
});

test("zooms end at the whole canvas and at 40", () => {
  camera.moveTo(512, 512, 1000);
  expect(camera.zoom).toBe(ZOOM_MAX);
  camera.moveTo(512, 512, 0.0001);
  expect(camera.toScreen(0, 0)[1]).toBeGreaterThanOrEqual(0);
  expect(camera.toScreen(0, 1024)[1]).toBeLessThanOrEqual(800);
});

test("fit shows the whole canvas clear of the panels", () => {
  camera.insets = { top: 60, right: 50, bottom: 100, left: 70 };
  camera.fit();
  const [left, top] = camera.toScreen(0, 0);
  const [right, bottom] = camera.toScreen(1024, 1024);
  expect(left).toBeGreaterThanOrEqual(70);
  expect(top).toBeGreaterThanOrEqual(60);
  expect(right).toBeLessThanOrEqual(1230);
  expect(bottom).toBeLessThanOrEqual(700);
});

test("panning moves the canvas with the pointer and stays on it", () => {
  camera.moveTo(500, 500, 4);
  camera.panBy(40, -80);
  expect([camera.x, camera.y]).toEqual([490, 520]);
  camera.panBy(1e6, 1e6);
  expect([camera.x, camera.y]).toEqual([0, 0]);
});

test("reveal moves only as far as needed", () => {
  camera.moveTo(500, 500, 10);
  camera.reveal(505, 505, 40);
  expect([camera.x, camera.y]).toEqual([500, 500]);
  camera.reveal(570, 500, 40);
  expect(camera.toScreen(570, 500)).toEqual([expect.closeTo(1240), expect.closeTo(400)]);
});

describe("what to ask for", () => {
  test("at 1:1 the screen's tiles and one around, of level 0", () => {
    camera.moveTo(512, 512, 1);
    const view = camera.view(5, 4096);
    // Rows 112 to 911 lie on tiles 1 to 14; all columns are on the screen.
    expect(view).toEqual({ level: 0, tiles: { x0: 0, y0: 0, x1: 15, y1: 15 } });
  });

  test("what lies ahead too, as far as the canvas goes and the server gives", () => {
    camera.canvas = { width: 8192, height: 8192 };
    camera.moveTo(4096, 4096, 1);
    // Columns 3456 to 4735 are on the screen, rows 3696 to 4495.
    const still = { level: 0, tiles: { x0: 53, y0: 56, x1: 74, y1: 71 } };
    expect(camera.view(8, 4096)).toEqual(still);
    expect(camera.view(8, 4096, { ahead: [640, -64], margin: true })?.tiles).toEqual({
      x0: 53,
      y0: 56,
      x1: 83,
      y1: 71,
    });
    expect(camera.view(8, 4096, { ahead: [-1e6, 0], margin: true })?.tiles.x0).toBe(0);
    expect(camera.view(8, 400, { ahead: [640, 0], margin: true })).toEqual(still);
    expect(camera.view(8, 4096, { ahead: [0, 0], margin: false })?.tiles).toEqual({
      x0: 54,
      y0: 57,
      x1: 73,
      y1: 70,
    });
  });

  test.each([
    [1, 0],
    [0.75, 0],
    [0.7, 1],
    [0.36, 1],
    [0.35, 2],
    [0.1, 3],
  ])("at zoom %d it is level %d", (zoom, level) => {
    camera.canvas = { width: 65_536, height: 65_536 };
    camera.moveTo(30_000, 30_000, zoom);
    expect(camera.level(levelCount(camera.canvas))).toBe(level);
  });

  test("a fine screen gets a finer level", () => {
    camera.canvas = { width: 65_536, height: 65_536 };
    camera.resize({ width: 390, height: 844 }, 3);
    camera.moveTo(30_000, 30_000, 0.3);
    expect(camera.level(11)).toBe(0);
  });

  test("never more tiles than the server gives", () => {
    camera.canvas = { width: 65_536, height: 65_536 };
    camera.resize({ width: 3840, height: 2160 }, 1);
    for (let zoom = 40; zoom > camera.zoomMin; zoom *= 0.9) {
      camera.moveTo(30_000, 30_000, zoom);
      const view = camera.view(11, 1000);
      expect(view && boxArea(view.tiles)).toBeLessThanOrEqual(1000);
    }
  });

  test("nothing where the canvas is off the screen", () => {
    camera.canvas = { width: 10, height: 10 };
    camera.moveTo(0, 0, 40);
    expect(camera.view(1, 4096)).not.toBeNull();
    camera.x = -1000;
    expect(camera.view(1, 4096)).toBeNull();
  });
});

describe("addresses", () => {
  test.each([
    ["/", { root: "", canvas: null }],
    ["/index.html", { root: "", canvas: null }],
    ["/c/main", { root: "", canvas: "main" }],
    ["/c/main/", { root: "", canvas: "main" }],
    ["/art/c/big%20wall", { root: "/art", canvas: "big%20wall" }],
    ["/art/", { root: "/art", canvas: null }],
  ])("reads %s", (path, address) => {
    expect(readPageAddress(path)).toEqual(address);
  });

  test("the socket is beside the page", () => {
    const at = { protocol: "https:", host: "example.org:8443" };
    expect(socketUrl(at, "/art", "main")).toBe("wss://example.org:8443/art/c/main/ws");
  });

  test("a permalink says where it came from", () => {
    const place = { x: 512.3, y: 12, zoom: 7.125 };
    expect(permalink(place)).toBe("#512.3,12,7.125");
    expect(readPermalink(permalink(place))).toEqual(place);
    expect(readPermalink("#5,6")).toEqual({ x: 5, y: 6, zoom: 1 });
  });

  test.each(["", "#", "#about", "#1", "#1,2,0", "#1,2,3,4", "#1,NaN,2"])(
    "%j is no permalink",
    (hash) => {
      expect(readPermalink(hash)).toBeNull();
    },
  );
});

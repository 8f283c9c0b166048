import { expect, test } from "vitest";
import { Camera } from "../src/view/camera";
import { gainAt, placeOf } from "../src/view/magnifier-layer";

const camera = new Camera();
camera.resize({ width: 390, height: 844 }, 1);
camera.insets = { top: 60, right: 0, bottom: 200, left: 0 };

test("it is above the finger", () => {
  expect(placeOf({ sx: 200, sy: 500 }, camera)).toEqual([200, 396]);
});

test("it stays on the screen", () => {
  expect(placeOf({ sx: 5, sy: 500 }, camera)[0]).toBe(72);
  expect(placeOf({ sx: 388, sy: 500 }, camera)[0]).toBe(318);
});

test("where there is no room above, it is beside the finger, towards the middle", () => {
  const [left, top] = placeOf({ sx: 300, sy: 150 }, camera);
  expect(left).toBeLessThan(300 - 64);
  expect(top).toBe(150);
  expect(placeOf({ sx: 80, sy: 70 }, camera)).toEqual([184, 132]);
});

test("a pixel is eight wide in it, and twice as wide as on the screen at least", () => {
  expect(gainAt(1) * 1).toBe(8);
  expect(gainAt(2) * 2).toBe(8);
  expect(gainAt(16) * 16).toBe(32);
  expect(gainAt(0.1)).toBe(8);
});

import { expect, test } from "vitest";
import { DEFAULT_PALETTE, isLight, nameOf, parseHex, toHex } from "../src/canvas/colour";
import { closure, duration, refusal } from "../src/texts";
import { CloseCode, RejectCode } from "../src/wire/wire.gen";

test.each([
  ["#0a1b2c", [10, 27, 44]],
  ["0A1B2C", [10, 27, 44]],
  [" #fff ", [255, 255, 255]],
  ["#12345", null],
  ["red", null],
  ["", null],
])("reads %j", (text, colour) => {
  expect(parseHex(text)).toEqual(colour);
});

test("hex and colour undo each other", () => {
  for (const colour of DEFAULT_PALETTE) expect(parseHex(toHex(colour))).toEqual(colour);
});

test.each([
  ["#ffffff", "white"],
  ["#050505", "black"],
  ["#0000ff", "blue"],
  ["#ff0000", "red"],
  ["#00ff00", "bright green"],
  ["#ffff00", "yellow"],
  ["#2f6fed", "blue"],
  ["#ff9a3d", "orange"],
  ["#ff8fb8", "pink"],
  ["#d92c3a", "red"],
  ["#1f3a93", "dark blue"],
  ["#808080", "grey"],
  ["#7a4526", "brown"],
  ["#16181d", "black"],
  ["#1f7a45", "dark green"],
  ["#0f5c6e", "teal"],
])("%s is called %s", (hex, name) => {
  expect(nameOf(parseHex(hex) ?? [0, 0, 0])).toBe(name);
});

test("black reads better on yellow, white on blue", () => {
  expect(isLight([255, 255, 0])).toBe(true);
  expect(isLight([0, 0, 255])).toBe(false);
});

test("each code of the protocol has words", () => {
  for (const code of Object.values(RejectCode)) expect(refusal(code, 0)).not.toMatch(/code/);
  for (const code of Object.values(CloseCode)) {
    const comesBack = [1001, 1012, 1013, 4408].includes(code);
    if (!comesBack) expect(closure(code, "")).not.toContain(String(code));
  }
  expect(refusal(99, 0)).toContain("99");
  expect(closure(4999, "why")).toContain("4999: why");
});

test.each([
  [1, "1 second"],
  [2500, "3 seconds"],
  [120_000, "2 minutes"],
  [7_200_000, "2 hours"],
])("%d ms is %s", (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
  expect(refusal(RejectCode.RATE, milliseconds)).toContain(`Try again in ${text}`);
});

import { beforeEach, expect, test } from "vitest";
import { Pacing } from "../src/canvas/pacing";
import { NO_LIMIT } from "../src/wire/wire.gen";

let now: number;
let pacing: Pacing;

beforeEach(() => {
  now = 1000;
  pacing = new Pacing(100, 10, () => now);
});

test("nothing goes before the server has told the budget", () => {
  expect(pacing.wait(1)).toBe(Infinity);
  pacing.budget(40, 6000, 0);
  expect(pacing.wait(40)).toBe(0);
});

test("what is missing comes back at the server's rate", () => {
  pacing.budget(40, 6000, 0);
  expect(pacing.wait(50)).toBe(1000);
  expect(pacing.wait(30, 20)).toBe(1000);
  now += 1000;
  expect(pacing.wait(50)).toBe(0);
  expect(pacing.wait(51)).toBe(100);
});

test("what was sent is taken off until a BUDGET counts it", () => {
  pacing.budget(40, 6000, 7);
  pacing.spend(8, 30);
  pacing.spend(9, 10);
  expect(pacing.wait(10)).toBe(1000);
  // The server had 8 by then, and 9 is on its way still.
  pacing.budget(10, 9000, 8);
  expect(pacing.wait(10)).toBe(1000);
  pacing.budget(0, 10_000, 9);
  expect(pacing.wait(10)).toBe(1000);
});

test("more than a full budget never gathers", () => {
  pacing.budget(100, 0, 0);
  now += 3_600_000;
  expect(pacing.wait(100)).toBe(0);
  pacing.spend(1, 100);
  expect(pacing.wait(10)).toBe(1000);
});

test("an address that others paint from too gets its share more slowly", () => {
  pacing.budget(0, 100_000, 0);
  expect(pacing.wait(1)).toBe(1000);
});

test("what never fits goes at once and costs nothing: the server refuses it", () => {
  pacing.budget(40, 6000, 0);
  expect(pacing.fits(101)).toBe(false);
  expect(pacing.wait(101)).toBe(0);
  pacing.spend(1, 101);
  expect(pacing.wait(40)).toBe(0);
});

test.each([
  ["no budget", () => new Pacing(0, 0, () => now)],
  ["no refill", () => new Pacing(100, 0, () => now)],
])("a server with %s is never waited for", (_, make) => {
  expect(make().wait(1e9)).toBe(0);
});

test("who has no limit isn't held to one", () => {
  pacing.budget(NO_LIMIT, 0, 0);
  pacing.spend(1, 1e9);
  expect(pacing.wait(100)).toBe(0);
});

import { beforeEach, describe, expect, test } from "vitest";
import { type Entry, Outbox } from "../src/canvas/outbox";
import type { Drawing } from "../src/canvas/raster";

const pixel = (x: number): Drawing => ({ type: "Pixel", x, y: 0, r: 0, g: 0, b: 0 });
const xs = (entries: readonly Entry[]) =>
  entries.map(({ drawing }) => (drawing as { x: number }).x);

let outbox: Outbox;

beforeEach(() => {
  outbox = new Outbox();
});

function push(...places: number[]): void {
  for (const x of places) outbox.push(pixel(x));
}

test("numbers go up from what the session had", () => {
  outbox.begin(7, true);
  push(1, 2, 3);
  expect(outbox.take(2).map(({ n }) => n)).toEqual([8, 9]);
  expect(outbox.take(9).map(({ n }) => n)).toEqual([10]);
  expect(outbox.waiting).toBe(0);
});

test("an entry is handled once and kept until it is durable", () => {
  push(1, 2, 3);
  outbox.take(3);
  expect(xs(outbox.acknowledge(2, 0))).toEqual([1, 2]);
  expect(xs(outbox.acknowledge(3, 1))).toEqual([3]);
  expect(xs(outbox.all)).toEqual([2, 3]);
  expect(outbox.acknowledge(3, 3)).toEqual([]);
  expect(outbox.length).toBe(0);
});

test("what is waiting isn't touched by an ACK", () => {
  push(1);
  outbox.take(1);
  push(2);
  outbox.acknowledge(1, 1);
  expect(xs(outbox.all)).toEqual([2]);
  expect(outbox.take(5).map(({ n }) => n)).toEqual([2]);
});

test("a refused entry is not handled, and leaves when its number is durable", () => {
  push(1, 2);
  outbox.take(2);
  expect(xs([outbox.reject(1) as Entry])).toEqual([1]);
  expect(outbox.reject(99)).toBeNull();
  expect(xs(outbox.acknowledge(2, 2))).toEqual([2]);
  expect(outbox.length).toBe(0);
});

describe("the same session after a reconnect", () => {
  test("drops what was handled and numbers the rest anew, in order", () => {
    push(1, 2, 3, 4);
    outbox.take(3);
    outbox.acknowledge(1, 1);
    const settled = outbox.resume(2, []);
    expect(xs(settled.handled)).toEqual([2]);
    expect(outbox.take(9).map(({ n, drawing }) => [n, (drawing as { x: number }).x])).toEqual([
      [3, 3],
      [4, 4],
    ]);
  });

  test("sends again what was acknowledged and then lost", () => {
    push(1, 2, 3);
    outbox.take(3);
    outbox.acknowledge(3, 1);
    outbox.resume(1, []);
    expect(xs(outbox.take(9))).toEqual([2, 3]);
    expect(xs(outbox.acknowledge(3, 3))).toEqual([2, 3]);
  });

  test("leaves out what was refused, also when the refusal itself was lost", () => {
    push(1, 2, 3);
    outbox.take(3);
    outbox.reject(2);
    outbox.resume(0, []);
    expect(outbox.take(9).map(({ n, drawing }) => [n, (drawing as { x: number }).x])).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  test("learns of refusals from WELCOME", () => {
    push(1, 2, 3);
    outbox.take(3);
    const settled = outbox.resume(3, [[2, 4]]);
    expect(xs(settled.handled)).toEqual([1, 3]);
    expect(settled.rejected.map(([entry, code]) => [...xs([entry]), code])).toEqual([[2, 4]]);
    expect(outbox.length).toBe(0);
  });

  test("what was never sent goes on", () => {
    push(1);
    outbox.resume(5, []);
    expect(outbox.take(1)[0].n).toBe(6);
  });
});

describe("another session", () => {
  test("gives back what was sent, and goes on with what never was", () => {
    push(1, 2, 3);
    outbox.take(2);
    expect(xs(outbox.begin(0, false))).toEqual([1, 2]);
    expect(outbox.take(9).map(({ n, drawing }) => [n, (drawing as { x: number }).x])).toEqual([
      [1, 3],
    ]);
  });

  test("on the same canvas, what was handled is done", () => {
    push(1, 2);
    outbox.take(2);
    outbox.acknowledge(1, 0);
    expect(xs(outbox.begin(0, true))).toEqual([2]);
  });

  test("on another canvas it is not", () => {
    push(1, 2);
    outbox.take(2);
    outbox.acknowledge(1, 0);
    expect(xs(outbox.begin(0, false))).toEqual([1, 2]);
  });
});

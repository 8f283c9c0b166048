import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../src/canvas/client";
import { type Drawing, packColour } from "../src/canvas/raster";
import { Allowance, pixelsLeft, waitFor } from "../src/drawing/allowance";
import { opaquePixels } from "../src/drawing/image-source";
import { OVERDUE_MS, Overdue } from "../src/drawing/overdue";
import { toasts } from "../src/toasts";
import { RejectCode } from "../src/wire/wire.gen";
import { FakeSurroundings, liveClient } from "./fake-socket";

describe("the budget by the clock", () => {
  const told = { pixels: 400, refillMs: 6000, at: 1000 };

  test.each([
    [1000, 400],
    [0, 400],
    [4000, 700],
    [7000, 1000],
    [9000, 1000],
  ])("at %i ms %i pixels are left", (now, left) => {
    expect(pixelsLeft(told, 1000, now)).toBe(left);
  });

  test("full is full, and an unknown full is what was told", () => {
    expect(pixelsLeft({ pixels: 1000, refillMs: 0, at: 0 }, 1000, 5)).toBe(1000);
    expect(pixelsLeft(told, 0, 99_000)).toBe(400);
  });

  test.each([
    [400, 1000, 0],
    [500, 1000, 1000],
    [1000, 1000, 6000],
    [1000, 4000, 3000],
    [1001, 1000, Infinity],
  ])("%i pixels at %i ms have to wait %d ms", (cost, now, wait) => {
    expect(waitFor(cost, told, 1000, now)).toBe(wait);
    if (wait > 0 && wait < Infinity) {
      expect(pixelsLeft(told, 1000, now + wait)).toBeGreaterThanOrEqual(cost);
    }
  });
});

describe("a client's allowance", () => {
  const rect = (x1: number): Drawing => ({
    type: "Rect",
    line: 0,
    x0: 1,
    y0: 0,
    x1,
    y1: 9,
    r: 9,
    g: 9,
    b: 9,
  });
  let around: FakeSurroundings;
  let client: Client;
  let allowance: Allowance;

  beforeEach(() => {
    vi.useFakeTimers();
    around = new FakeSurroundings();
    client = liveClient(around, {}, { limits: { budget_pixels: 1000 } });
    allowance = new Allowance(client, () => Date.now());
    toasts.value = [];
  });

  afterEach(() => {
    client.connection.close();
    vi.clearAllTimers();
    vi.useRealTimers();
  });

  test("without a budget there is no limit", () => {
    expect(allowance.affords(1e9)).toBe(true);
  });

  test("what is on its way counts until the server has taken it off", async () => {
    around.socket.receive({ type: "Budget", pixels: 500, refill_ms: 5000 });
    expect(allowance.left).toBe(500);
    client.draw(rect(30));
    expect(allowance.left).toBe(200);
    expect(allowance.affords(200)).toBe(true);
    expect(allowance.affords(201)).toBe(false);
    await Promise.resolve();
    around.socket.receive(
      { type: "Ack", handled: 1, durable: 0, seq: 5 },
      { type: "Budget", pixels: 200, refill_ms: 8000 },
    );
    expect(allowance.left).toBe(200);
    vi.advanceTimersByTime(4000);
    expect(allowance.left).toBe(600);
  });

  test("what is too much is told with when it can be painted, or that it never can", () => {
    around.socket.receive({ type: "Budget", pixels: 500, refill_ms: 5000 });
    expect(allowance.affords(800)).toBe(false);
    expect(allowance.affords(1200)).toBe(false);
    expect(toasts.value.map(({ text }) => text)).toEqual([
      "That takes 1,200 px, more than the 1,000 that you may paint at once.",
    ]);
    expect(allowance.affords(800)).toBe(false);
    expect(toasts.value[0].text).toContain("you have 500. There will be enough in 3 seconds.");
  });

  test("without a line what fits in a full budget may wait for it", () => {
    around.socket.receive({ type: "Budget", pixels: 10, refill_ms: 5000 });
    around.socket.lose();
    expect(allowance.affords(1000)).toBe(true);
    expect(allowance.affords(1001)).toBe(false);
  });
});

describe("pictures", () => {
  test("transparent pixels are left out, others become opaque", () => {
    const source = new Uint32Array([0x00ffffff, 0x7f010203, 0x80010203, 0xff040506]);
    expect([...opaquePixels(source, null)]).toEqual([0, 0, 0xff010203, 0xff040506]);
  });

  test("a palette's nearest colours are taken", () => {
    const palette = [
      [0, 0, 0],
      [255, 0, 0],
    ] as const;
    const source = new Uint32Array([packColour(200, 40, 40), packColour(30, 20, 40), 0]);
    expect([...opaquePixels(source, palette)]).toEqual([
      packColour(255, 0, 0),
      packColour(0, 0, 0),
      0,
    ]);
  });
});

describe("what is overdue", () => {
  const pixel = (x: number): Drawing => ({ type: "Pixel", x, y: 0, r: 9, g: 9, b: 9 });
  let around: FakeSurroundings;
  let client: Client;
  let overdue: Overdue;

  beforeEach(() => {
    vi.useFakeTimers();
    around = new FakeSurroundings();
    client = liveClient(around);
    overdue = new Overdue(client, () => Date.now());
  });

  afterEach(() => {
    client.connection.close();
    vi.clearAllTimers();
    vi.useRealTimers();
  });

  const late = () =>
    overdue.latest(99).map((drawing) => (drawing.type === "Pixel" ? drawing.x : null));

  test("is what was not durable in time, each in its own", async () => {
    client.draw(pixel(1));
    await vi.advanceTimersByTimeAsync(OVERDUE_MS - 500);
    client.draw(pixel(2));
    expect(late()).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(late()).toEqual([1]);
    await vi.advanceTimersByTimeAsync(OVERDUE_MS - 500);
    expect(late()).toEqual([1, 2]);
    expect(overdue.latest(1)).toEqual([pixel(2)]);
    around.socket.receive({ type: "Ack", handled: 2, durable: 1, seq: 5 });
    expect(late()).toEqual([2]);
    client.draw(pixel(3));
    around.socket.receive({ type: "Ack", handled: 3, durable: 3, seq: 6 });
    expect(late()).toEqual([]);
    expect(overdue.count.value).toBe(0);
  });

  test("is not what was refused", async () => {
    client.draw(pixel(1));
    await vi.advanceTimersByTimeAsync(100);
    around.socket.receive({ type: "Reject", n: 1, code: RejectCode.PROTECTED, retry_ms: 0 });
    await vi.advanceTimersByTimeAsync(2 * OVERDUE_MS);
    expect(client.unsaved.value).toBe(1);
    expect(late()).toEqual([]);
  });
});

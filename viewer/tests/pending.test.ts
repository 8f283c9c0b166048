import { beforeEach, expect, test } from "vitest";
import { type Entry, Outbox } from "../src/canvas/outbox";
import { PendingLayer } from "../src/canvas/pending";
import { type Drawing, packColour } from "../src/canvas/raster";
import { TileStore } from "../src/canvas/store";
import type { Tile } from "../src/wire/wire.gen";

const SIZE = { width: 1024, height: 1024 };
const RED = packColour(255, 0, 0);
const BLUE = packColour(0, 0, 255);
const rect = (x0: number, x1: number, [r, g, b] = [255, 0, 0]): Drawing => ({
  type: "Rect",
  line: 0,
  x0,
  y0: 0,
  x1,
  y1: 3,
  r,
  g,
  b,
});
const tile = (tx: number, seq: number, level = 0): Tile => ({
  type: "Tile",
  level,
  tx,
  ty: 0,
  seq,
  encoding: 0,
  payload: new Uint8Array([255, 255, 255]),
});

let now: number;
let outbox: Outbox;
let pending: PendingLayer;
let store: TileStore;

beforeEach(() => {
  now = 0;
  outbox = new Outbox();
  pending = new PendingLayer(() => now);
  store = new TileStore(10);
  store.look({ level: 0, tiles: { x0: 0, y0: 0, x1: 3, y1: 3 } }, SIZE);
});

function draw(drawing: Drawing): Entry {
  const entry = outbox.push(drawing);
  pending.add(entry, SIZE);
  outbox.take(1);
  return entry;
}

function acknowledge(handled: number, seq: number): void {
  pending.handled(outbox.acknowledge(handled, handled), seq);
  pending.settle(store);
}

test("own work shows at once, the later above the earlier", () => {
  draw(rect(0, 10));
  draw(rect(5, 10, [0, 0, 255]));
  expect(pending.pixel(2, 2, SIZE)).toBe(RED);
  expect(pending.pixel(7, 2, SIZE)).toBe(BLUE);
  expect(pending.pixel(11, 2, SIZE)).toBeNull();
  const surface = pending.surface(0, 0, SIZE);
  expect(surface?.pixels[7]).toBe(BLUE);
  expect(surface?.pixels[11]).toBe(0);
  expect(pending.surface(1, 0, SIZE)).toBeNull();
});

test("comes off with the ACK where a live tile got it as a drawing", () => {
  store.put(tile(0, 1));
  draw(rect(0, 10));
  pending.settle(store);
  store.draw(rect(0, 10), SIZE);
  pending.echo(rect(0, 10));
  pending.settle(store);
  expect(pending.count).toBe(1);
  acknowledge(1, 5);
  expect(pending.count).toBe(0);
  expect(store.pixel(2, 2)).toBe(RED);
});

test("stays until the snapshot of a tile that isn't live", () => {
  store.put(tile(0, 1));
  draw(rect(60, 70));
  pending.echo(rect(60, 70));
  acknowledge(1, 5);
  expect(pending.count).toBe(1);
  store.put(tile(1, 5));
  pending.settle(store);
  expect(pending.count).toBe(0);
});

test("a snapshot from before the ACK's seq is not enough without the drawing", () => {
  store.put(tile(0, 1));
  draw(rect(0, 10));
  acknowledge(1, 5);
  expect(pending.count).toBe(1);
  store.put(tile(0, 4));
  pending.settle(store);
  expect(pending.count).toBe(1);
  store.clock(1, 5);
  pending.settle(store);
  expect(pending.count).toBe(0);
});

test("the first ACK that covers a piece is the one that counts", () => {
  store.put(tile(0, 1));
  draw(rect(0, 10));
  draw(rect(300, 310));
  acknowledge(1, 5);
  acknowledge(2, 90);
  store.put(tile(0, 5));
  pending.settle(store);
  expect(pending.all.map(({ seq }) => seq)).toEqual([]);
});

test("a tile outside the view is not waited for", () => {
  draw(rect(900, 910));
  acknowledge(1, 5);
  expect(pending.count).toBe(0);
});

test("zoomed out it waits for the overview, but not for one that never comes", () => {
  store.look({ level: 2, tiles: { x0: 0, y0: 0, x1: 3, y1: 3 } }, SIZE);
  store.put(tile(0, 1, 2));
  draw(rect(0, 10));
  pending.echo(rect(0, 10));
  acknowledge(1, 5);
  expect(pending.count).toBe(1);
  store.put(tile(0, 5, 2));
  pending.settle(store);
  expect(pending.count).toBe(0);
  draw(rect(0, 10));
  acknowledge(2, 8);
  now = 1900;
  pending.settle(store);
  expect(pending.count).toBe(1);
  now = 2100;
  pending.settle(store);
  expect(pending.count).toBe(0);
});

test("what was refused comes off and uncovers what is below", () => {
  draw(rect(0, 10));
  const refused = draw(rect(5, 10, [0, 0, 255]));
  expect(pending.surface(0, 0, SIZE)?.pixels[7]).toBe(BLUE);
  const changes: unknown[] = [];
  pending.onChange = (changed) => changes.push(changed);
  pending.remove(refused);
  expect(pending.surface(0, 0, SIZE)?.pixels[7]).toBe(RED);
  expect(changes).toEqual([{ x0: 5, y0: 0, x1: 10, y1: 3 }]);
});

test("an echo is of the piece that has its bytes, not of an earlier one", () => {
  store.put(tile(0, 1));
  draw(rect(900, 910));
  draw(rect(0, 10));
  pending.echo(rect(0, 10));
  expect(pending.all.map(({ echoed }) => echoed)).toEqual([false, true]);
});

test("another epoch takes off what was handled, and keeps what wasn't", () => {
  const first = draw(rect(0, 10));
  draw(rect(20, 30));
  acknowledge(1, 500);
  expect(pending.count).toBe(2);
  pending.forgetHandled();
  expect(pending.count).toBe(1);
  pending.restore(first, SIZE);
  expect(pending.count).toBe(2);
  pending.restore(first, SIZE);
  expect(pending.count).toBe(2);
});

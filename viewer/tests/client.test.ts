import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Client } from "../src/canvas/client";
import type { Drawing } from "../src/canvas/raster";
import { RejectCode, type Tile, type Welcome } from "../src/wire/wire.gen";
import { FakeSurroundings, sessionId, welcome } from "./fake-socket";

const pixel = (x: number): Drawing => ({ type: "Pixel", x, y: 0, r: 9, g: 9, b: 9 });
const VIEW = { level: 0, tiles: { x0: 0, y0: 0, x1: 0, y1: 0 } };
const tile = (seq: number): Tile => ({
  type: "Tile",
  level: 0,
  tx: 0,
  ty: 0,
  seq,
  encoding: 0,
  payload: new Uint8Array([255, 255, 255]),
});

let around: FakeSurroundings;
let client: Client;
let refusals: [code: number, retryMs: number][];

beforeEach(() => {
  vi.useFakeTimers();
  around = new FakeSurroundings();
  refusals = [];
  client = new Client(
    "ws://host/c/main/ws",
    {
      refused: (code, retryMs) => refusals.push([code, retryMs]),
      notice: () => {},
      changed: () => {},
      welcomed: () => client.look(VIEW),
    },
    around,
  );
  client.connection.connect();
});

afterEach(() => {
  client.connection.close();
  vi.clearAllTimers();
  vi.useRealTimers();
});

function goLive(fields: Partial<Welcome> = {}, json: object = {}): void {
  around.socket.open();
  around.socket.take();
  around.socket.receive(welcome(fields, json));
}

function reconnect(fields: Partial<Welcome> = {}, json: object = {}): void {
  around.socket.lose();
  vi.advanceTimersByTime(1000);
  goLive(fields, json);
}

/** Lets what is queued for this turn go out; returns the drawing that went. */
async function sent(): Promise<number[]> {
  await Promise.resolve();
  const messages = around.socket.take();
  return messages.flatMap((message) => (message.type === "Pixel" ? [message.x] : []));
}

test("drawing shows at once, goes out joined, and comes off when the tile has it", async () => {
  goLive();
  around.socket.receive(tile(100), { type: "Clock", view: 1, seq: 100 });
  await sent();
  client.draw(pixel(1));
  client.draw(pixel(2));
  expect(client.pending.count).toBe(2);
  expect(around.socket.frames).toHaveLength(0);
  expect(await sent()).toEqual([1, 2]);
  around.socket.receive(
    { ...pixel(1) } as never,
    { ...pixel(2) } as never,
    { type: "Clock", view: 1, seq: 102 },
    { type: "Ack", handled: 2, durable: 1, seq: 102 },
  );
  expect(client.pending.count).toBe(0);
  expect(client.unsaved.value).toBe(1);
  expect(client.store.pixel(2, 0)).toBe(0xff090909);
  expect(client.seq).toBe(102);
});

test("a REJECT takes the drawing off and says why", async () => {
  goLive();
  client.draw(pixel(1));
  await sent();
  around.socket.receive({ type: "Reject", n: 1, code: RejectCode.PROTECTED, retry_ms: 0 });
  expect(client.pending.count).toBe(0);
  expect(refusals).toEqual([[RejectCode.PROTECTED, 0]]);
});

test("what can't be drawn is not sent", async () => {
  goLive();
  expect(client.draw(pixel(5000))).toBe(RejectCode.OUT_OF_BOUNDS);
  expect(client.draw({ ...pixel(1), type: "Stroke", size: 0, points: [[1, 1]] } as never)).toBe(
    RejectCode.BAD_VALUE,
  );
  expect(await sent()).toEqual([]);
});

test("a viewer draws nothing", async () => {
  goLive({ role: 0 });
  expect(client.mayPaint).toBe(false);
  expect(client.draw(pixel(1))).toBe(RejectCode.NOT_ALLOWED);
  expect(await sent()).toEqual([]);
});

test("no more is under way than the server's limit", async () => {
  goLive({}, { limits: { max_unacked: 2 } });
  client.draw(pixel(1));
  client.draw(pixel(2));
  expect(client.draw(pixel(3))).toBe(RejectCode.RATE);
  expect(await sent()).toEqual([1, 2]);
});

describe("after a reconnect", () => {
  test("the same session goes on where the server's count stands", async () => {
    goLive();
    for (const x of [1, 2, 3]) client.draw(pixel(x));
    expect(await sent()).toEqual([1, 2, 3]);
    around.socket.lose();
    client.draw(pixel(4));
    expect(client.pending.count).toBe(4);
    vi.advanceTimersByTime(1000);
    around.socket.open();
    around.socket.take();
    around.socket.receive(welcome({ handled: 2, seq: 120 }));
    expect(await sent()).toEqual([3, 4]);
    expect(client.orphans.value).toEqual([]);
    around.socket.receive(tile(120));
    expect(client.pending.count).toBe(2);
  });

  test("what was lost in a crash is shown and sent again", async () => {
    goLive();
    around.socket.receive(tile(100));
    client.draw(pixel(1));
    await sent();
    around.socket.receive(pixel(1) as never, { type: "Ack", handled: 1, durable: 0, seq: 101 });
    expect(client.pending.count).toBe(0);
    reconnect({ handled: 0, epoch: 78, seq: 100 });
    expect(client.pending.count).toBe(1);
    expect(await sent()).toEqual([1]);
  });

  test("refusals that were missed are told", async () => {
    goLive();
    client.draw(pixel(1));
    await sent();
    reconnect({ handled: 1 }, { rejected: [[1, RejectCode.RATE]] });
    expect(refusals).toEqual([[RejectCode.RATE, 0]]);
    expect(client.pending.count).toBe(0);
  });

  test("known tiles are named in the same epoch, not in another", async () => {
    goLive();
    around.socket.receive(tile(100));
    reconnect();
    expect(around.socket.take()).toMatchObject([{ type: "Viewport", known: [[0, 0, 100]] }]);
    reconnect({ epoch: 78 });
    expect(around.socket.take()).toMatchObject([{ type: "Viewport", known: [] }]);
  });
});

describe("a session that the server doesn't know any more", () => {
  beforeEach(async () => {
    goLive();
    client.draw(pixel(1));
    await sent();
    around.socket.lose();
    client.draw(pixel(2));
    vi.advanceTimersByTime(1000);
    goLive({ session: sessionId(2), handled: 0, epoch: 78 });
  });

  test("what was sent waits for its author, what wasn't goes on", async () => {
    expect(await sent()).toEqual([2]);
    expect(client.orphans.value.map(({ drawing }) => drawing)).toEqual([pixel(1)]);
    expect(client.pending.count).toBe(2);
  });

  test("it is drawn again on demand", async () => {
    await sent();
    client.settleOrphans(true);
    expect(await sent()).toEqual([1]);
    expect(client.orphans.value).toEqual([]);
    expect(client.pending.count).toBe(2);
  });

  test("or given up", async () => {
    await sent();
    client.settleOrphans(false);
    expect(await sent()).toEqual([]);
    expect(client.pending.count).toBe(1);
  });
});

test("RESET makes the tiles count no more, and their snapshots come unasked", () => {
  goLive();
  around.socket.receive(tile(100));
  around.socket.receive({ type: "Reset", epoch: 80, seq: 3 });
  expect(client.store.pixel(0, 0)).toBeNull();
  around.socket.receive(tile(3), { type: "Clock", view: 1, seq: 3 });
  expect(client.store.pixel(0, 0)).toBe(0xffffffff);
  expect(client.seq).toBe(3);
});

test("the pointer is told at most 30 times a second, the latest only", () => {
  goLive();
  around.socket.take();
  for (let x = 0; x < 50; x++) client.point([x, 0], 0);
  vi.advanceTimersByTime(40);
  client.point(null, 0);
  vi.advanceTimersByTime(40);
  expect(around.socket.take()).toEqual([
    { type: "CursorMove", x: 49, y: 0, buttons: 0 },
    { type: "CursorMove", x: 49, y: 0, buttons: 128 },
  ]);
});

test("other people come, point and go", () => {
  goLive();
  const presence = { type: "Presence", client: 8, r: 1, g: 2, b: 3, name: "Ada" } as const;
  around.socket.receive({ ...presence, event: 0 });
  around.socket.receive({ type: "Cursor", client: 8, x: 10, y: 20, buttons: 1 });
  expect(client.peers.people.value).toEqual([{ client: 8, name: "Ada", colour: [1, 2, 3] }]);
  expect([...client.peers.pointers]).toMatchObject([{ x: 10, y: 20, painting: true }]);
  around.socket.receive({ type: "Cursor", client: 8, x: 30, y: 20, buttons: 0 });
  expect(client.peers.glide(16, false)).toBe(true);
  const [pointer] = client.peers.pointers;
  expect(pointer.shownX).toBeGreaterThan(10);
  expect(pointer.shownX).toBeLessThan(30);
  around.socket.receive({ ...presence, event: 1 });
  expect([...client.peers.pointers]).toEqual([]);
  expect(client.peers.people.value).toEqual([]);
});

describe("what was painted without a line", () => {
  const limits = { limits: { budget_pixels: 10, budget_refill: 10 } };
  const budget = (pixels: number, refill_ms: number) =>
    around.socket.receive({ type: "Budget", pixels, refill_ms });

  beforeEach(async () => {
    goLive({}, limits);
    budget(10, 0);
    await sent();
    around.socket.lose();
    for (let x = 0; x < 12; x++) client.draw(pixel(x));
    vi.advanceTimersByTime(1000);
  });

  test("waits, counted, and goes out once, as fast as the budget allows", async () => {
    expect(client.queued.value).toBe(12);
    goLive({}, limits);
    // Nothing before the server has told what may be painted.
    expect(await sent()).toEqual([]);
    budget(4, 600);
    expect(await sent()).toEqual([0, 1, 2, 3]);
    expect(client.queued.value).toBe(12);
    around.socket.receive({ type: "Ack", handled: 4, durable: 4, seq: 104 });
    budget(0, 1000);
    expect(await sent()).toEqual([]);
    expect(client.queued.value).toBe(8);
    const order: number[] = [];
    for (let i = 0; i < 40; i++) {
      vi.advanceTimersByTime(50);
      order.push(...(await sent()));
    }
    expect(order).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
    expect(client.queued.value).toBe(0);
  });

  test("keeps what is painted meanwhile behind it", async () => {
    goLive({}, limits);
    budget(2, 800);
    client.draw(pixel(99));
    expect(await sent()).toEqual([0, 1]);
    budget(10, 0);
    expect(await sent()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    around.socket.receive({ type: "Ack", handled: 10, durable: 10, seq: 110 });
    budget(10, 0);
    expect(await sent()).toEqual([10, 11, 99]);
  });
});

test("pieces of a stroke count as one", () => {
  goLive();
  around.socket.lose();
  const piece = (x: number): Drawing => ({
    type: "Stroke",
    size: 2,
    r: 9,
    g: 9,
    b: 9,
    points: [
      [x, 5],
      [x + 3, 5],
    ],
  });
  for (const x of [0, 3, 6, 20]) client.draw(piece(x));
  expect(client.queued.value).toBe(2);
});

test("a server that went back to what it had saved is told of, with what is sent again", async () => {
  goLive();
  client.draw(pixel(1));
  client.draw(pixel(5));
  await sent();
  around.socket.receive({ type: "Ack", handled: 2, durable: 0, seq: 102 });
  around.socket.lose();
  client.draw(pixel(9));
  vi.advanceTimersByTime(1000);
  goLive({ handled: 0, epoch: 78 });
  expect(client.rewound.value).toBe(2);
  expect(await sent()).toEqual([1, 5, 9]);
});

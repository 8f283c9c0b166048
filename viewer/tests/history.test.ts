import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../src/canvas/client";
import type { Entry } from "../src/canvas/outbox";
import { patchesOf } from "../src/canvas/patches";
import { type Drawing, packColour } from "../src/canvas/raster";
import { type DrawSurfaces, History, type Reversal } from "../src/drawing/history";
import type { ServerMessage, Tile } from "../src/wire/wire.gen";
import { FakeSurroundings, liveClient } from "./fake-socket";

const WHITE = packColour(255, 255, 255);
const RED = packColour(255, 0, 0);
const BLUE = packColour(0, 0, 255);
const tile = (tx: number, ty: number): Tile => ({
  type: "Tile",
  level: 0,
  tx,
  ty,
  seq: 1,
  encoding: 0,
  payload: new Uint8Array([255, 255, 255]),
});
const rect = (x0: number, x1: number, [r, g, b] = [255, 0, 0]): Drawing => ({
  type: "Rect",
  line: 0,
  x0,
  y0: 10,
  x1,
  y1: 12,
  r,
  g,
  b,
});

let around: FakeSurroundings;
let client: Client;
let history: History;
/** What the server has handled. */
let handled: number;

beforeEach(() => {
  vi.useFakeTimers();
  around = new FakeSurroundings();
  client = liveClient(around, { width: 512, height: 512 });
  history = new History(client);
  handled = 0;
  look(0, 1);
});

afterEach(() => {
  client.connection.close();
  vi.clearAllTimers();
  vi.useRealTimers();
});

/** Looks at the tiles of columns `first` to `last`, rows 0 and 1; they come white. */
function look(first: number, last: number, level = 0): void {
  client.look({ level, tiles: { x0: first, y0: 0, x1: last, y1: 1 } });
  if (level > 0) return;
  for (let tx = first; tx <= last; tx++) {
    for (const ty of [0, 1]) {
      if (client.store.get(0, tx, ty) === undefined) around.socket.receive(tile(tx, ty));
    }
  }
}

function paint(drawings: readonly Drawing[], in_ = history): void {
  const step = in_.begin();
  for (const drawing of drawings) {
    const overwritten = in_.overwritten(drawing);
    expect(client.draw(drawing)).toBeNull();
    const entry = client.outbox.all[client.outbox.length - 1];
    in_.add(step, overwritten, entry, client.pending.all[client.pending.count - 1].tiles.length);
  }
  in_.end(step);
}

const send: DrawSurfaces = (surfaces) => {
  const entries: Entry[] = [];
  for (const patch of surfaces.flatMap((surface) => patchesOf(surface))) {
    expect(client.draw(patch)).toBeNull();
    entries.push(client.outbox.all[client.outbox.length - 1]);
  }
  return { entries, surfaces: surfaces.length };
};

/** The server sends everything back and has made it durable. */
async function settle(): Promise<void> {
  await Promise.resolve();
  const drawn = around.socket.take().filter(({ type }) => /Pixel|Stroke|Rect|Patch/.test(type));
  handled += drawn.length;
  const ack = { type: "Ack", handled, durable: handled, seq: handled + 1 } as const;
  around.socket.receive(...(drawn as ServerMessage[]), ack);
  expect(client.pending.count).toBe(0);
}

const other = (drawing: Drawing) => around.socket.receive(drawing as ServerMessage);
const shown = (x: number, y = 11) =>
  client.pending.pixel(x, y, client.size) ?? client.store.pixel(x, y);
const done = (fields: Partial<Extract<Reversal, { name: "done" }>> = {}) =>
  expect.objectContaining({ name: "done", ...fields });

test.each([true, false])("a gesture is one step, there and back (settled: %s)", async (settled) => {
  paint([rect(2, 5), rect(5, 9)]);
  if (settled) await settle();
  expect(history.canUndo.value).toBe(true);
  expect(history.undo(send)).toEqual(done({ painted: 24, kept: 0, partial: false }));
  if (settled) await settle();
  expect([2, 5, 9].map((x) => shown(x))).toEqual([WHITE, WHITE, WHITE]);
  expect(history.canUndo.value).toBe(false);
  expect(history.redo(send)).toEqual(done({ painted: 24 }));
  if (settled) await settle();
  expect([2, 5, 9].map((x) => shown(x))).toEqual([RED, RED, RED]);
  expect(history.undo(send)).toEqual(done());
  expect(shown(5)).toBe(WHITE);
});

test("gestures go back one by one to what was there before each", async () => {
  other(rect(0, 20, [0, 0, 255]));
  paint([rect(2, 5)]);
  paint([rect(4, 8, [0, 255, 0])]);
  await settle();
  history.undo(send);
  expect([3, 5, 8].map((x) => shown(x))).toEqual([RED, RED, BLUE]);
  history.undo(send);
  expect([3, 5, 8].map((x) => shown(x))).toEqual([BLUE, BLUE, BLUE]);
  expect(history.undo(send)).toEqual({ name: "nothing" });
});

test("what others painted since stays, in undo and in redo", async () => {
  paint([rect(2, 9)]);
  await settle();
  other(rect(4, 5, [0, 0, 255]));
  expect(history.undo(send)).toEqual(done({ painted: 18, kept: 6 }));
  await settle();
  expect([3, 4, 6].map((x) => shown(x))).toEqual([WHITE, BLUE, WHITE]);
  other(rect(8, 8, [0, 0, 255]));
  expect(history.redo(send)).toEqual(done({ painted: 15, kept: 9 }));
  expect([3, 4, 6, 8].map((x) => shown(x))).toEqual([RED, BLUE, RED, BLUE]);
});

test("a new gesture ends what could be redone", () => {
  paint([rect(2, 5)]);
  history.undo(send);
  expect(history.canRedo.value).toBe(true);
  paint([rect(20, 25)]);
  expect(history.canRedo.value).toBe(false);
  expect(history.redo(send)).toEqual({ name: "nothing" });
});

test("pixels that had the colour already are no part of it", async () => {
  other(rect(2, 9));
  paint([rect(2, 12)]);
  await settle();
  expect(history.undo(send)).toEqual(done({ painted: 9 }));
  expect(shown(5)).toBe(RED);
});

describe("what is refused", () => {
  test("never happened: the gesture before it is next", async () => {
    paint([rect(2, 5)]);
    await settle();
    paint([rect(20, 25)]);
    await Promise.resolve();
    around.socket.receive({ type: "Reject", n: 2, code: 4, retry_ms: 0 });
    expect(history.undo(send)).toEqual(done({ painted: 12 }));
    expect(shown(3)).toBe(WHITE);
  });

  test("in part leaves the rest to be undone", async () => {
    paint([rect(2, 5), rect(20, 25)]);
    await Promise.resolve();
    around.socket.receive({ type: "Reject", n: 2, code: 4, retry_ms: 0 });
    expect(history.undo(send)).toEqual(done({ painted: 12, kept: 0 }));
    expect(shown(22)).toBe(WHITE);
  });

  test("as an undo can be undone again", async () => {
    paint([rect(2, 5)]);
    await settle();
    history.undo(send);
    await Promise.resolve();
    around.socket.receive({ type: "Reject", n: 2, code: 4, retry_ms: 0 });
    expect(shown(3)).toBe(RED);
    expect(history.redo(send)).toEqual({ name: "nothing" });
    expect(history.undo(send)).toEqual(done({ painted: 12 }));
  });

  test("before it is sent leaves everything as it was", () => {
    paint([rect(2, 5)]);
    expect(history.undo(() => null)).toEqual({ name: "refused" });
    expect(history.canUndo.value).toBe(true);
    expect(history.undo(send)).toEqual(done());
  });
});

test("what is too much at once is undone bit by bit", async () => {
  paint([rect(60, 70)]);
  await settle();
  const sendOne: DrawSurfaces = (surfaces) => send(surfaces.slice(0, 1));
  expect(history.undo(sendOne)).toEqual(done({ painted: 12, partial: false, unfinished: true }));
  expect([60, 66].map((x) => shown(x))).toEqual([WHITE, RED]);
  expect(history.undo(sendOne)).toEqual(done({ painted: 21, unfinished: false }));
  expect(shown(66)).toBe(WHITE);
  expect(history.canUndo.value).toBe(false);
  history.redo(send);
  history.redo(send);
  expect([60, 66].map((x) => shown(x))).toEqual([RED, RED]);
});

describe("what is not in view", () => {
  test("is told with its place, and undone once it is there", async () => {
    paint([rect(70, 80)]);
    await settle();
    look(4, 5);
    expect(history.undo(send)).toEqual({
      name: "away",
      place: { x0: 70, y0: 10, x1: 80, y1: 12 },
    });
    expect(history.canUndo.value).toBe(true);
    look(0, 1);
    expect(history.undo(send)).toEqual(done({ painted: 33 }));
  });

  test("stays to be undone when only a part is in view", async () => {
    paint([rect(60, 70)]);
    await settle();
    look(1, 2);
    expect(history.undo(send)).toEqual(done({ painted: 21, partial: true }));
    look(0, 1);
    await settle();
    expect([60, 66].map((x) => shown(x))).toEqual([RED, WHITE]);
    expect(history.undo(send)).toEqual(done({ painted: 12 }));
    expect(shown(60)).toBe(WHITE);
  });

  test("was painted zoomed out and can't be undone", () => {
    look(0, 1, 1);
    paint([rect(2, 5)]);
    expect(history.undo(send)).toEqual({ name: "unknown" });
    expect(history.undo(send)).toEqual({ name: "nothing" });
  });

  test("was painted over the edge of what was loaded: the rest is undone, and that is said", async () => {
    paint([rect(100, 200)]);
    await settle();
    expect(history.undo(send)).toEqual(done({ painted: 28 * 3, partial: true }));
  });
});

describe("memory", () => {
  test("only the latest gestures are kept", () => {
    const short = new History(client, 2);
    for (const x of [2, 20, 40]) paint([rect(x, x + 3)], short);
    expect(short.undo(send)).toEqual(done());
    expect(short.undo(send)).toEqual(done());
    expect(short.undo(send)).toEqual({ name: "nothing" });
    expect(shown(3)).toBe(RED);
  });

  test("only so many bytes are kept, and what is larger alone is not", () => {
    const small = new History(client, 64, 12 * 8 * 2);
    for (const x of [2, 20, 40]) paint([rect(x, x + 3)], small);
    expect(small.undo(send)).toEqual(done());
    expect(small.undo(send)).toEqual(done());
    expect(small.undo(send)).toEqual({ name: "nothing" });
    const step = small.begin();
    const drawing = rect(2, 30);
    const overwritten = small.overwritten(drawing);
    client.draw(drawing);
    small.add(step, overwritten, client.outbox.all[client.outbox.length - 1], 1);
    expect(small.end(step)).toBe(false);
    expect(small.canUndo.value).toBe(false);
  });
});

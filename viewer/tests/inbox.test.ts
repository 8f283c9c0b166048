import { beforeEach, describe, expect, it } from "vitest";
import { Inbox } from "../src/wire/inbox";
import type { ServerMessage } from "../src/wire/wire.gen";

/** Handling a tile takes 1 ms of a clock that only the test moves; all else takes no time. */
let now: number;
let frames: (() => void)[];
let handled: number[];
let inbox: Inbox;

beforeEach(() => {
  now = 0;
  frames = [];
  handled = [];
  inbox = new Inbox(
    (messages) => {
      for (const message of messages) {
        handled.push(numberOf(message));
        if (message.type === "Tile") now += 1;
      }
    },
    (act) => act(),
    { now: () => now, frame: (callback) => frames.push(callback) },
  );
});

function tile(number: number): ServerMessage {
  const payload = new Uint8Array(3);
  return { type: "Tile", level: 0, tx: number, ty: 0, seq: 1, encoding: 0, payload };
}

function pixel(number: number): ServerMessage {
  return { type: "Pixel", x: number, y: 0, r: 0, g: 0, b: 0 };
}

function numberOf(message: ServerMessage): number {
  if (message.type === "Tile") return message.tx;
  if (message.type === "Pixel") return message.x;
  throw new Error(`a ${message.type} came`);
}

function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** The next frame, 16 ms later. */
function frame(): void {
  now += 16;
  for (const callback of frames.splice(0)) callback();
}

describe("an inbox", () => {
  it("handles a little at once", () => {
    inbox.take(range(100).map(pixel), false);
    expect(handled).toEqual(range(100));
  });

  it("leaves many tiles to the next frames, a few milliseconds of each", () => {
    inbox.take(range(10).map(tile), false);
    const counts = [handled.length];
    while (handled.length < 10) {
      const before = handled.length;
      frame();
      counts.push(handled.length - before);
    }
    expect(handled).toEqual(range(10));
    expect(Math.max(...counts)).toBeLessThanOrEqual(3);
  });

  it("keeps the order when more comes meanwhile, within the frame's share", () => {
    inbox.take(range(10).map(tile), false);
    inbox.take(range(10, 10).map(pixel), false);
    expect(handled.length).toBeLessThanOrEqual(4);
    while (frames.length > 0) frame();
    expect(handled).toEqual(range(20));
  });

  it("handles what has waited for a tenth of a second, whatever it takes", () => {
    inbox.take(range(200).map(tile), false);
    for (let i = 0; i < 8; i++) frame();
    expect(handled).toEqual(range(200));
  });

  it("handles all at once when told to, and when it is finished", () => {
    inbox.take(range(10).map(tile), true);
    expect(handled).toEqual(range(10));
    inbox.take(range(10, 10).map(tile), false);
    inbox.finish();
    expect(handled).toEqual(range(20));
  });

  it("forgets what waits when it is cleared, by a handler too", () => {
    inbox.take(range(10).map(tile), false);
    const before = handled.length;
    inbox.clear();
    while (frames.length > 0) frame();
    expect(handled).toHaveLength(before);
    inbox.take([pixel(99)], false);
    expect(handled.at(-1)).toBe(99);
  });
});

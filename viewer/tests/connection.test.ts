import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Connection,
  type ConnectionState,
  type Handlers,
  SILENCE_MAX_MS,
} from "../src/wire/connection";
import type { ServerMessage, Welcome } from "../src/wire/wire.gen";
import { FakeSurroundings, sessionId, welcome } from "./fake-socket";

let around: FakeSurroundings;
let connection: Connection;
let welcomes: [Welcome, Uint8Array][];
let received: ServerMessage[];
let states: ConnectionState["name"][];

beforeEach(() => {
  vi.useFakeTimers();
  around = new FakeSurroundings();
  welcomes = [];
  received = [];
  states = [];
  const handlers: Handlers = {
    welcome: (message, asked) => welcomes.push([message, asked]),
    messages: (messages) => received.push(...messages),
    state: ({ name }) => states.push(name),
  };
  connection = new Connection("ws://host/c/main/ws", handlers, around, "token");
  connection.connect();
});

afterEach(() => {
  connection.close();
  vi.useRealTimers();
});

function goLive(fields: Partial<Welcome> = {}): void {
  around.socket.open();
  around.socket.receive(welcome(fields));
}

test("says HELLO, and is live with WELCOME", () => {
  expect(around.socket.subprotocol).toBe("tilecast.v1");
  expect(around.socket.frames).toEqual([]);
  around.socket.open();
  expect(around.socket.take()).toEqual([
    { type: "Hello", version: 1, session: sessionId(0), token: "token" },
  ]);
  expect(connection.live).toBe(false);
  around.socket.receive(welcome(), { type: "Clock", view: 0, seq: 3 });
  expect(connection.live).toBe(true);
  expect(welcomes).toHaveLength(1);
  expect(received).toEqual([{ type: "Clock", view: 0, seq: 3 }]);
});

test("asks for its session again after a loss", () => {
  goLive({ session: sessionId(9) });
  around.socket.lose();
  vi.advanceTimersByTime(1000);
  around.socket.open();
  expect(around.socket.take()).toMatchObject([{ type: "Hello", session: sessionId(9) }]);
  around.socket.receive(welcome({ session: sessionId(4) }));
  expect(welcomes[1][1]).toEqual(sessionId(9));
});

describe("coming back", () => {
  test.each([1006, 1012, 1013, 4408])("by itself after %d", (code) => {
    goLive();
    around.socket.lose(code);
    expect(connection.state.name).toBe("waiting");
    vi.advanceTimersByTime(60_000);
    expect(around.sockets.length).toBeGreaterThan(1);
  });

  test.each([4400, 4401, 4403, 4406, 4409, 4429, 1003, 1009])("not after %d", (code) => {
    goLive();
    around.socket.lose(code, "why");
    expect(connection.state).toEqual({ name: "stopped", code, reason: "why" });
    vi.advanceTimersByTime(600_000);
    expect(around.sockets).toHaveLength(1);
  });

  test("waits longer each time, up to half a minute", () => {
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const before = Date.now();
      around.socket.lose();
      while (connection.state.name === "waiting") vi.advanceTimersByTime(100);
      waits.push(Date.now() - before);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test("a steady connection starts the waiting afresh, a short one doesn't", () => {
    around.socket.lose();
    vi.advanceTimersByTime(500);
    goLive();
    vi.advanceTimersByTime(1000);
    around.socket.lose();
    vi.advanceTimersByTime(999);
    expect(connection.state.name).toBe("waiting");
    vi.advanceTimersByTime(1);
    goLive();
    vi.advanceTimersByTime(10_500);
    around.socket.lose();
    vi.advanceTimersByTime(500);
    expect(connection.state.name).toBe("connecting");
  });

  test("jitter takes up to half of the wait off", () => {
    around.random = () => 0;
    around.socket.lose();
    vi.advanceTimersByTime(249);
    expect(connection.state.name).toBe("waiting");
    vi.advanceTimersByTime(1);
    expect(connection.state.name).toBe("connecting");
  });

  test("at once when hurried, but only while waiting", () => {
    connection.hurry();
    expect(around.sockets).toHaveLength(1);
    around.socket.lose();
    connection.hurry();
    expect(around.sockets).toHaveLength(2);
  });
});

describe("a dead line", () => {
  test("is left at once by whoever comes back to it, a live one is kept", () => {
    goLive();
    vi.setSystemTime(Date.now() + SILENCE_MAX_MS - 1000);
    connection.hurry();
    expect(around.sockets).toHaveLength(1);
    // The machine slept: an hour is over, and no timer has run.
    vi.setSystemTime(Date.now() + 3_600_000);
    connection.hurry();
    expect(around.sockets).toHaveLength(2);
    expect(around.sockets[0].closed).not.toBeNull();
    expect(connection.state.name).toBe("connecting");
  });

  test("is left after 12 s without a message", () => {
    goLive();
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1000);
    around.socket.receive({ type: "Clock", view: 1, seq: 1 });
    vi.advanceTimersByTime(SILENCE_MAX_MS);
    expect(connection.live).toBe(true);
    const dead = around.socket;
    vi.advanceTimersByTime(2000);
    expect(connection.live).toBe(false);
    expect(dead.closed).not.toBeNull();
  });

  test("may also be one that never opens", () => {
    vi.advanceTimersByTime(SILENCE_MAX_MS + 2000);
    expect(around.sockets.length).toBeGreaterThan(1);
  });

  test("says nothing any more", () => {
    goLive();
    const dead = around.socket;
    vi.advanceTimersByTime(SILENCE_MAX_MS + 2000);
    dead.receive({ type: "Clock", view: 1, seq: 1 });
    expect(received).toEqual([]);
  });
});

describe("what breaks the protocol", () => {
  test("text", () => {
    goLive();
    around.socket.onmessage?.({ data: "text" });
    expect(connection.state).toMatchObject({ name: "stopped", code: 4400 });
    expect(around.sockets[0].closed).toBe(4400);
  });

  test("anything before WELCOME", () => {
    around.socket.open();
    around.socket.receive({ type: "Clock", view: 1, seq: 1 });
    expect(connection.state).toMatchObject({ name: "stopped", code: 4400 });
  });
});

describe("sending", () => {
  test("joins messages into one frame", () => {
    goLive();
    around.socket.take();
    connection.send([
      { type: "Pixel", x: 1, y: 2, r: 3, g: 4, b: 5 },
      { type: "CursorMove", x: 1, y: 2, buttons: 0 },
    ]);
    expect(around.socket.frames).toHaveLength(1);
    expect(around.socket.take()).toHaveLength(2);
  });

  test("keeps frames within 64 KiB", () => {
    goLive();
    around.socket.take();
    const pixel = { type: "Pixel", x: 1, y: 2, r: 3, g: 4, b: 5 } as const;
    connection.send(Array.from({ length: 20_000 }, () => pixel));
    expect(around.socket.frames.map((frame) => frame.length)).toEqual([65_536, 65_536, 28_928]);
  });

  test("nothing goes out before WELCOME", () => {
    around.socket.open();
    around.socket.take();
    connection.send([{ type: "Follow", client: 1 }]);
    expect(around.socket.frames).toEqual([]);
  });

  test("a full line is not writable", () => {
    goLive();
    expect(connection.writable).toBe(true);
    around.socket.bufferedAmount = 10_000_000;
    expect(connection.writable).toBe(false);
  });

  test("a line that is closing takes nothing, though its end isn't told yet", () => {
    goLive();
    around.socket.take();
    around.socket.readyState = WebSocket.CLOSING;
    expect(connection.writable).toBe(false);
    connection.send([{ type: "Follow", client: 1 }]);
    expect(around.socket.frames).toEqual([]);
  });
});

test("tells its states", () => {
  goLive();
  around.socket.lose();
  expect(states).toEqual(["connecting", "live", "waiting"]);
});

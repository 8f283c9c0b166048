/** A WebSocket whose other end is the test. */
import { Client } from "../src/canvas/client";
import { decode, encode } from "../src/wire/codec";
import type { Surroundings } from "../src/wire/connection";
import type { ClientMessage, Message, ServerMessage, Welcome } from "../src/wire/wire.gen";

export class FakeSocket {
  binaryType = "blob";
  bufferedAmount = 0;
  readyState: number = WebSocket.OPEN;
  closed: number | undefined | null = null;
  readonly frames: Uint8Array[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly subprotocol: string,
  ) {}

  send(frame: Uint8Array): void {
    this.frames.push(frame.slice());
  }

  close(code?: number): void {
    this.closed = code;
  }

  /** What the client has sent since the last call. */
  take(): ClientMessage[] {
    const frames = this.frames.splice(0);
    return frames.flatMap((frame) => decode(frame, "client")) as ClientMessage[];
  }

  open(): void {
    this.onopen?.();
  }

  receive(...messages: ServerMessage[]): void {
    const parts = messages.map((message: Message) => encode(message));
    const frame = Uint8Array.from(parts.flatMap((part) => [...part]));
    this.onmessage?.({ data: frame.buffer });
  }

  lose(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

export class FakeSurroundings implements Surroundings {
  readonly sockets: FakeSocket[] = [];

  open(url: string, subprotocol: string): WebSocket {
    const socket = new FakeSocket(url, subprotocol);
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  }

  now(): number {
    return Date.now();
  }

  frame(callback: () => void): void {
    setTimeout(callback, 16);
  }

  random(): number {
    return 1;
  }

  /** The socket opened last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }
}

/** A client with a new session of these surroundings, live on a canvas as WELCOME says. */
export function liveClient(
  around: FakeSurroundings,
  fields: Partial<Welcome> = {},
  json: object = {},
): Client {
  const ignore = () => {};
  const events = { refused: ignore, notice: ignore, changed: ignore, welcomed: ignore };
  const client = new Client("ws://host/c/main/ws", events, around);
  client.connection.connect();
  around.socket.open();
  around.socket.receive(welcome(fields, json));
  return client;
}

export function sessionId(fill: number): Uint8Array {
  return new Uint8Array(16).fill(fill);
}

export function welcome(fields: Partial<Welcome> = {}, json: object = {}): Welcome {
  return {
    type: "Welcome",
    version: 1,
    session: sessionId(1),
    client: 5,
    epoch: 77,
    seq: 100,
    handled: 0,
    width: 1024,
    height: 1024,
    r: 255,
    g: 255,
    b: 255,
    levels: 5,
    role: 1,
    info: new TextEncoder().encode(JSON.stringify(json)),
    ...fields,
  };
}

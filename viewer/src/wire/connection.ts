/**
 * The WebSocket: HELLO and WELCOME, coming back after a loss, joining messages into frames.
 *
 * It knows nothing of tiles or drawing: {@link Handlers} do.
 */

import { frames } from "../frames";
import { decode, encode, ProtocolError } from "./codec";
import { type Clockwork, Inbox } from "./inbox";
import {
  CLIENT_FRAME_MAX_BYTES,
  type ClientMessage,
  CloseCode,
  RECONNECT_CODES,
  SESSION_BYTES,
  type ServerMessage,
  SUBPROTOCOL,
  VERSION,
  type Welcome,
} from "./wire.gen";

/** CLOCK comes at least every 5 s: after so long without a message the line is dead. */
export const SILENCE_MAX_MS = 12_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** A connection that lasted this long was a good one: the next retry starts afresh. */
const STEADY_MS = 10_000;
/** So long after WELCOME the first view comes. */
const ARRIVING_MS = 1000;
/** More than this waiting in the browser's own buffer: the line is full. */
const BUFFERED_MAX_BYTES = 256 * 1024;
/** What a browser reports without a reason: a lost line, a refused upgrade, a server that left. */
const LOST_CODES: readonly number[] = [...RECONNECT_CODES, 1001, 1005, 1011];

export type ConnectionState =
  | { readonly name: "connecting" }
  | { readonly name: "live" }
  | { readonly name: "waiting"; readonly retryAt: number; readonly code: number }
  | { readonly name: "stopped"; readonly code: number; readonly reason: string };

export interface Handlers {
  /** HELLO was answered; `asked` is the session id that HELLO named. */
  welcome(message: Welcome, asked: Uint8Array): void;
  /** Messages that came after WELCOME, in order. */
  messages(messages: readonly ServerMessage[]): void;
  state(state: ConnectionState): void;
}

/** What differs between a page and a test. */
export interface Surroundings extends Clockwork {
  open(url: string, subprotocol: string): WebSocket;
  /** 0 to 1. */
  random(): number;
}

export const BROWSER: Surroundings = {
  open: (url, subprotocol) => new WebSocket(url, subprotocol),
  now: () => performance.now(),
  frame: (callback) => {
    requestAnimationFrame(callback);
  },
  random: () => Math.random(),
};

export class Connection {
  state: ConnectionState = { name: "connecting" };
  /** Zeros ask for a new session. */
  session: Uint8Array = new Uint8Array(SESSION_BYTES);
  private socket: WebSocket | null = null;
  private welcomed = false;
  private attempt = 0;
  private openedAt = 0;
  private heardAt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setInterval> | undefined;
  private readonly inbox: Inbox;

  constructor(
    private readonly url: string,
    private readonly handlers: Handlers,
    private readonly around: Surroundings = BROWSER,
    private readonly token = "",
  ) {
    this.inbox = new Inbox(
      (messages) => handlers.messages(messages),
      (act) => frames.work(() => this.guard(act)),
      around,
    );
  }

  get live(): boolean {
    return this.state.name === "live";
  }

  /** Whether more can be sent without piling up in the browser. */
  get writable(): boolean {
    return this.openSocket !== null && this.openSocket.bufferedAmount < BUFFERED_MAX_BYTES;
  }

  /** The socket while it takes what is sent: when it begins to close, its end isn't told yet. */
  private get openSocket(): WebSocket | null {
    return this.live && this.socket?.readyState === WebSocket.OPEN ? this.socket : null;
  }

  /** Connects, or tries again at once. */
  connect(): void {
    clearTimeout(this.retryTimer);
    this.abandon();
    this.change({ name: "connecting" });
    this.heardAt = this.around.now();
    this.silenceTimer = setInterval(() => this.checkSilence(), 1000);
    let socket: WebSocket;
    try {
      socket = this.around.open(this.url, SUBPROTOCOL);
    } catch {
      this.lost(1006, "");
      return;
    }
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    const asked = this.session;
    const mine = (handle: () => void) => {
      if (this.socket === socket) handle();
    };
    socket.onopen = () =>
      mine(() => {
        this.heardAt = this.around.now();
        socket.send(encode({ type: "Hello", version: VERSION, session: asked, token: this.token }));
      });
    socket.onmessage = (event) => mine(() => frames.work(() => this.receive(event.data, asked)));
    socket.onclose = (event) =>
      mine(() => {
        this.guard(() => this.inbox.finish());
        if (this.socket === socket) this.lost(event.code, event.reason);
      });
  }

  /**
   * Whoever comes back doesn't wait: a retry is made now, and a line on which nothing came while
   * the page or the machine slept is left for a new one.
   */
  hurry(): void {
    const { name } = this.state;
    if (name === "waiting" || (name !== "stopped" && this.silent)) this.connect();
  }

  /** Ends the connection for good. */
  close(): void {
    clearTimeout(this.retryTimer);
    this.abandon(CloseCode.NORMAL);
    this.change({ name: "stopped", code: CloseCode.NORMAL, reason: "" });
  }

  /** Sends messages, joined into frames. Only while live. */
  send(messages: readonly ClientMessage[]): void {
    this.sendEncoded(messages.map(encode));
  }

  /** Sends encoded messages, as few frames as the frame limit allows. Only while live. */
  sendEncoded(messages: readonly Uint8Array[]): void {
    const socket = this.openSocket;
    if (socket === null) return;
    let frame: Uint8Array[] = [];
    let bytes = 0;
    for (const message of messages) {
      if (bytes + message.length > CLIENT_FRAME_MAX_BYTES) {
        socket.send(joined(frame, bytes));
        frame = [];
        bytes = 0;
      }
      frame.push(message);
      bytes += message.length;
    }
    if (bytes > 0) socket.send(joined(frame, bytes));
  }

  private receive(data: unknown, asked: Uint8Array): void {
    this.heardAt = this.around.now();
    this.guard(() => {
      if (!(data instanceof ArrayBuffer)) throw new ProtocolError("the server sent text");
      let messages = decode(new Uint8Array(data), "server") as ServerMessage[];
      if (!this.welcomed) {
        const [first, ...rest] = messages;
        if (first.type !== "Welcome") throw new ProtocolError(`${first.type} before WELCOME`);
        this.welcome(first, asked);
        messages = rest;
      }
      // Who has just come, or isn't here, has no frames to wait for.
      const atOnce = document.hidden || this.heardAt - this.openedAt < ARRIVING_MS;
      this.inbox.take(messages, atOnce);
    });
  }

  /** Does something with what the server sent; what isn't right ends the connection for good. */
  private guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      // A browser may close with 1000 or 3000 to 4999 only.
      const reason = error instanceof Error ? error.message : String(error);
      this.abandon(CloseCode.MALFORMED);
      this.change({ name: "stopped", code: CloseCode.MALFORMED, reason });
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  private welcome(message: Welcome, asked: Uint8Array): void {
    this.welcomed = true;
    this.openedAt = this.around.now();
    this.session = message.session;
    // Live first: the handler sends its VIEWPORT and what it owes.
    this.state = { name: "live" };
    this.handlers.welcome(message, asked);
    this.handlers.state(this.state);
  }

  private get silent(): boolean {
    return this.around.now() - this.heardAt > SILENCE_MAX_MS;
  }

  private checkSilence(): void {
    if (this.silent) this.lost(1006, "");
  }

  private lost(code: number, reason: string): void {
    const steady = this.welcomed && this.around.now() - this.openedAt > STEADY_MS;
    if (steady) this.attempt = 0;
    this.abandon(CloseCode.NORMAL);
    if (!LOST_CODES.includes(code)) {
      this.change({ name: "stopped", code, reason });
      return;
    }
    const longest = Math.min(BACKOFF_FIRST_MS * 2 ** this.attempt++, BACKOFF_MAX_MS);
    const delay = longest * (0.5 + this.around.random() / 2);
    this.change({ name: "waiting", retryAt: this.around.now() + delay, code });
    this.retryTimer = setTimeout(() => this.connect(), delay);
  }

  /** Leaves the socket, whatever state it is in: nothing more is heard of it. */
  private abandon(code?: number): void {
    clearInterval(this.silenceTimer);
    this.inbox.clear();
    this.welcomed = false;
    const { socket } = this;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch {
      // It was never open, or is closed already.
    }
  }

  private change(state: ConnectionState): void {
    this.state = state;
    this.handlers.state(state);
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

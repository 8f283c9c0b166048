/**
 * One canvas as this browser sees it: what the connection brings goes to the tiles, the pending
 * layer and the other people; what the person does goes out.
 */
import { signal } from "@preact/signals";
import { BROWSER, Connection, type ConnectionState, type Surroundings } from "../wire/connection";
import {
  type CursorMove,
  NO_LIMIT,
  POINTER_LEFT,
  RejectCode,
  type ServerMessage,
  type Welcome,
} from "../wire/wire.gen";
import { type CanvasInfo, type Colour, ROLE_PAINTER, readWelcome } from "./canvas-info";
import type { Size } from "./geometry";
import { type Entry, Outbox, strokesOf } from "./outbox";
import { Pacing } from "./pacing";
import { Peers } from "./peers";
import { PendingLayer } from "./pending";
import { check, cost, type Drawing } from "./raster";
import { TileStore, type View } from "./store";

/** The server takes 30 a second from each sender. */
const CURSOR_INTERVAL_MS = 34;
const RETRY_SEND_MS = 50;
const SETTLE_INTERVAL_MS = 500;
const SPARE_TILES = 2048;
const NOTICE_INFO = 0;
const NOTICE_ERROR = 2;

export interface Budget {
  readonly pixels: number;
  readonly refillMs: number;
  /** When it was told, by `Surroundings.now`. */
  readonly at: number;
}

export interface ClientEvents {
  /** A drawing of ours was refused. `retryMs` 0: never. */
  refused(code: number, retryMs: number): void;
  notice(level: number, text: string): void;
  /** Something looks different. */
  changed(): void;
  /** A session began or goes on; views must be sent anew. */
  welcomed(info: CanvasInfo, session: Uint8Array): void;
}

export class Client {
  readonly state = signal<ConnectionState>({ name: "connecting" });
  readonly info = signal<CanvasInfo | null>(null);
  readonly budget = signal<Budget | null>(null);
  /** Sent under a session that the server no longer knows: drawn again only if the person says so. */
  readonly orphans = signal<readonly Entry[]>([]);
  /** What is wrong at the server's end, as it said; "" once it says anything better. */
  readonly trouble = signal("");
  /** How much own drawing is not durable yet. */
  readonly unsaved = signal(0);
  /** Own strokes that wait for the line, or after a loss of it for the budget. */
  readonly queued = signal(0);
  /** The server went back to what it had saved, and so many own strokes were sent again. */
  readonly rewound = signal<number | null>(null);
  readonly peers = new Peers();
  readonly store = new TileStore(SPARE_TILES);
  readonly pending: PendingLayer;
  readonly outbox = new Outbox();
  readonly connection: Connection;
  /** Nothing is painted here, whatever the server would allow. */
  viewOnly = false;
  /** The greatest seq that the server told. */
  seq = 0;
  private epoch: number | null = null;
  private presence: { name: string; colour: Colour } | null = null;
  private cursor: CursorMove | null = null;
  private cursorTimer: ReturnType<typeof setTimeout> | undefined;
  private sendQueued = false;
  private pacing: Pacing;
  /** Work from before the line was back is being sent, as the budget allows. */
  private catchingUp = false;
  private paceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    url: string,
    private readonly events: ClientEvents,
    private readonly around: Surroundings = BROWSER,
  ) {
    this.pending = new PendingLayer(() => around.now());
    this.pacing = new Pacing(0, 0, () => around.now());
    this.connection = new Connection(
      url,
      {
        welcome: (message, asked) => this.welcome(message, asked),
        messages: (messages) => this.receive(messages),
        state: (state) => {
          this.state.value = state;
          if (state.name !== "live") this.peers.clear();
          this.count();
          this.events.changed();
        },
      },
      around,
    );
    setInterval(() => this.settle(), SETTLE_INTERVAL_MS);
  }

  /** The canvas's size; nothing before the first WELCOME. */
  get size(): Size {
    return this.info.value ?? { width: 0, height: 0 };
  }

  /** Whether this person may paint, now or as soon as the line is back. */
  get mayPaint(): boolean {
    const info = this.info.value;
    if (info === null || this.viewOnly) return false;
    return info.role >= ROLE_PAINTER && this.state.value.name !== "stopped";
  }

  /** Shows a drawing at once and sends it. Returns the code if it can't be drawn, else null. */
  draw(drawing: Drawing): number | null {
    const info = this.info.value;
    if (info === null || !this.mayPaint) return RejectCode.NOT_ALLOWED;
    const code = check(drawing, info, info.limits);
    if (code !== null) return code;
    if (this.outbox.length >= info.limits.max_unacked) return RejectCode.RATE;
    this.pending.add(this.outbox.push(drawing), info);
    this.count();
    this.queueSend();
    this.events.changed();
    return null;
  }

  /** Looks at another part of the canvas. Only while live. */
  look(view: View): void {
    if (!this.connection.live) return;
    this.connection.send([this.store.look(view, this.size)]);
    this.pending.settle(this.store);
  }

  /** Where the pointer is; null: it has left the canvas. */
  point(at: readonly [x: number, y: number] | null, buttons: number): void {
    const last = this.cursor;
    // Who only reads a page that shows the canvas is nobody's company.
    if (this.viewOnly || (at === null && last === null)) return;
    const [x, y] = at ?? [last?.x ?? 0, last?.y ?? 0];
    this.cursor = { type: "CursorMove", x, y, buttons: at ? buttons : POINTER_LEFT };
    if (last && last.x === x && last.y === y && last.buttons === this.cursor.buttons) return;
    this.cursorTimer ??= setTimeout(() => {
      this.cursorTimer = undefined;
      if (this.cursor && this.connection.writable) this.connection.send([this.cursor]);
    }, CURSOR_INTERVAL_MS);
  }

  /** Has the server tell what somebody looks at (see {@link Peers.seen}); 0: nobody. */
  follow(client: number): void {
    if (this.connection.live) this.connection.send([{ type: "Follow", client }]);
  }

  /** The person's own name (empty: anonymous) and colour. */
  present(name: string, colour: Colour): void {
    this.presence = { name, colour };
    this.sendPresence();
  }

  /** Draws the orphans again, or gives them up. */
  settleOrphans(again: boolean): void {
    const orphans = this.orphans.value;
    this.orphans.value = [];
    if (again && orphans.length > 0) this.catchingUp = true;
    for (const entry of orphans) {
      this.pending.remove(entry);
      if (again) this.draw(entry.drawing);
    }
  }

  private sendPresence(): void {
    if (!this.presence || !this.connection.live) return;
    const { name, colour } = this.presence;
    const [r, g, b] = colour;
    this.connection.send([{ type: "PresenceSet", r, g, b, name }]);
  }

  private welcome(message: Welcome, asked: Uint8Array): void {
    const { info, rejected } = readWelcome(message);
    const last = this.info.value;
    const sameEpoch = this.epoch === message.epoch;
    if (last && (last.width !== info.width || last.height !== info.height)) this.store.clear();
    else if (!sameEpoch) this.store.forget();
    if (!sameEpoch) this.pending.forgetHandled();
    this.store.connected();
    this.epoch = message.epoch;
    this.seq = message.seq;
    this.peers.clear();
    if (message.session.every((byte, i) => byte === asked[i])) {
      const sent = new Set(this.outbox.all.filter(({ n }) => n !== 0));
      const settled = this.outbox.resume(message.handled, rejected);
      this.pending.handled(settled.handled, message.seq);
      for (const [entry, code] of settled.rejected) this.refuse(entry, code, 0);
      if (last && !sameEpoch) {
        this.rewound.value = strokesOf(this.outbox.all.filter((entry) => sent.has(entry)));
      }
    } else {
      const sent = this.outbox.begin(message.handled, sameEpoch);
      this.orphans.value = [...this.orphans.value, ...sent];
    }
    for (const entry of [...this.orphans.value, ...this.outbox.all]) {
      this.pending.restore(entry, info);
    }
    this.info.value = info;
    const { budget_pixels, budget_refill } = info.limits;
    this.pacing = new Pacing(budget_pixels, budget_refill, () => this.around.now());
    this.catchingUp = this.outbox.waiting > 0;
    this.sendPresence();
    this.trouble.value = "";
    this.events.welcomed(info, message.session);
    this.send();
  }

  private receive(messages: readonly ServerMessage[]): void {
    for (const message of messages) this.handle(message);
    this.settle();
    this.events.changed();
  }

  private handle(message: ServerMessage): void {
    switch (message.type) {
      case "Pixel":
      case "Stroke":
      case "Rect":
      case "Patch":
        this.store.draw(message, this.size);
        this.pending.echo(message);
        return;
      case "Tile":
        this.store.put(message);
        return;
      case "Clock":
        this.store.clock(message.view, message.seq);
        this.seq = Math.max(this.seq, message.seq);
        return;
      case "Ack":
        this.pending.handled(
          this.outbox.acknowledge(message.handled, message.durable),
          message.seq,
        );
        this.seq = Math.max(this.seq, message.seq);
        this.queueSend();
        return;
      case "Reject": {
        const entry = this.outbox.reject(message.n);
        if (entry) this.refuse(entry, message.code, message.retry_ms);
        return;
      }
      case "Reset":
        this.epoch = message.epoch;
        this.seq = message.seq;
        this.store.forget();
        this.pending.forgetHandled();
        return;
      case "Notice":
        if (message.level >= NOTICE_ERROR) this.trouble.value = message.text;
        else {
          if (message.level === NOTICE_INFO) this.trouble.value = "";
          this.events.notice(message.level, message.text);
        }
        return;
      case "Budget":
        this.budget.value =
          message.pixels === NO_LIMIT
            ? null
            : { pixels: message.pixels, refillMs: message.refill_ms, at: this.around.now() };
        this.pacing.budget(message.pixels, message.refill_ms, this.outbox.handledCount);
        this.queueSend();
        return;
      case "Presence":
        this.peers.presence(message);
        return;
      case "Cursor":
        this.peers.cursor(message);
        return;
      case "Seen":
        this.peers.seen.value = message;
        return;
    }
  }

  private refuse(entry: Entry, code: number, retryMs: number): void {
    this.pending.remove(entry);
    this.events.refused(code, retryMs);
  }

  private settle(): void {
    this.pending.settle(this.store);
    this.count();
  }

  private count(): void {
    const { outbox } = this;
    this.unsaved.value = outbox.length;
    const waits = !this.connection.live || this.catchingUp;
    this.queued.value = waits ? strokesOf(outbox.unhandled) : 0;
  }

  private queueSend(): void {
    if (this.sendQueued) return;
    this.sendQueued = true;
    queueMicrotask(() => {
      this.sendQueued = false;
      this.send();
    });
  }

  private send(): void {
    const info = this.info.value;
    if (info === null || !this.connection.live || this.outbox.waiting === 0) return;
    if (!this.connection.writable) {
      setTimeout(() => this.queueSend(), RETRY_SEND_MS);
      return;
    }
    const most = info.limits.max_unacked - this.outbox.inFlight;
    const entries = this.catchingUp ? this.takePaced(most) : this.outbox.take(most);
    for (const { n, drawing } of entries) this.pacing.spend(n, cost(drawing));
    this.connection.sendEncoded(entries.map(({ bytes }) => bytes));
    this.count();
  }

  /** Takes what the budget holds by now; the rest goes as it comes back. */
  private takePaced(most: number): Entry[] {
    clearTimeout(this.paceTimer);
    let ahead = 0;
    let count = 0;
    for (const { drawing } of this.outbox.waitingEntries) {
      if (count === most) return this.outbox.take(count);
      const pixels = cost(drawing);
      const wait = this.pacing.wait(pixels, ahead);
      if (wait > 0) {
        // Without a time it is a BUDGET that lets it go on.
        if (wait < Infinity) this.paceTimer = setTimeout(() => this.queueSend(), wait);
        return this.outbox.take(count);
      }
      if (this.pacing.fits(pixels)) ahead += pixels;
      count++;
    }
    this.catchingUp = false;
    return this.outbox.take(count);
  }
}

/**
 * Own drawing until it is durable, so that none is lost and none is drawn twice.
 *
 * A drawing message has no number on the wire: it is the count of the session's messages. The
 * outbox counts along, and renumbers what has to be sent again after a reconnect.
 */
import { encode } from "../wire/codec";
import { cost, type Drawing } from "./raster";

/** One drawing message on its way. */
export interface Entry {
  readonly drawing: Drawing;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its number in the session; 0 before it is sent for the first time. */
  n: number;
  /** It was refused; it stays only because its number isn't durable yet. */
  rejected: boolean;
  /** It goes on where the one before it ended: a piece of the same stroke. */
  readonly continues: boolean;
}

/** What a WELCOME or ACK settles. */
export interface Settled {
  /** Ordered: they are part of the canvas now. */
  readonly handled: Entry[];
  /** Refused, each with its code. */
  readonly rejected: [entry: Entry, code: number][];
}

export class Outbox {
  /** Sent ones first, in the order of their numbers, then the waiting ones. */
  private entries: Entry[] = [];
  private sentCount = 0;
  private handled = 0;
  private next = 1;

  /** Everything that is not durable yet. */
  get length(): number {
    return this.entries.length;
  }

  /** In the order in which they are drawn. */
  get all(): readonly Entry[] {
    return this.entries;
  }

  /** How many are sent and not durable. */
  get inFlight(): number {
    return this.sentCount;
  }

  /** How many are not sent yet. */
  get waiting(): number {
    return this.entries.length - this.sentCount;
  }

  /** How many of the session's messages the server has ordered or refused. */
  get handledCount(): number {
    return this.handled;
  }

  /** What has not been ordered or refused yet. */
  get unhandled(): readonly Entry[] {
    return this.entries.filter(({ n }) => n === 0 || n > this.handled);
  }

  /** What is not sent yet. */
  get waitingEntries(): readonly Entry[] {
    return this.entries.slice(this.sentCount);
  }

  /** What those cost in pixels: it is not taken from the BUDGET that was told last. */
  get unhandledCost(): number {
    let sum = 0;
    for (const { n, drawing, rejected } of this.entries) {
      if (!rejected && (n === 0 || n > this.handled)) sum += cost(drawing);
    }
    return sum;
  }

  push(drawing: Drawing): Entry {
    const continues = goesOn(this.entries.at(-1)?.drawing, drawing);
    const entry = { drawing, bytes: encode(drawing), n: 0, rejected: false, continues };
    this.entries.push(entry);
    return entry;
  }

  /** Numbers the waiting entries, at most `most` of them, and hands them out to be sent. */
  take(most: number): Entry[] {
    const first = this.sentCount;
    const taken = this.entries.slice(first, first + Math.max(most, 0));
    for (const entry of taken) entry.n = this.nextNumber();
    return taken;
  }

  private nextNumber(): number {
    this.sentCount++;
    return this.next++;
  }

  /** ACK: returns what is handled for the first time. */
  acknowledge(handled: number, durable: number): Entry[] {
    const fresh = this.entries.filter(
      ({ n, rejected }) => n > this.handled && n <= handled && !rejected,
    );
    this.handled = Math.max(this.handled, handled);
    this.drop(({ n }) => n !== 0 && n <= durable);
    return fresh;
  }

  /** REJECT: returns the entry, or null if that number is not one of ours. */
  reject(n: number): Entry | null {
    const entry = this.entries.find((entry) => entry.n === n);
    if (entry === undefined) return null;
    entry.rejected = true;
    return entry;
  }

  /** The same session goes on: drops what the server handled, and makes ready to send the rest. */
  resume(handled: number, rejections: readonly (readonly [n: number, code: number])[]): Settled {
    const codes = new Map(rejections);
    const covered = this.entries.filter(({ n, rejected }) => n !== 0 && n <= handled && !rejected);
    const settled: Settled = { handled: [], rejected: [] };
    for (const entry of covered) {
      const code = codes.get(entry.n);
      if (code === undefined) settled.handled.push(entry);
      else {
        entry.rejected = true;
        settled.rejected.push([entry, code]);
      }
    }
    this.drop(({ n, rejected }) => rejected || (n !== 0 && n <= handled));
    this.restart(handled);
    return settled;
  }

  /**
   * Another session: returns what was sent under the old one, which only its author may repeat.
   *
   * `kept`: the canvas still holds what it had ordered (the epoch is the same), so that is done.
   */
  begin(handled: number, kept: boolean): Entry[] {
    const sent = this.entries.filter(
      ({ n, rejected }) => n > (kept ? this.handled : 0) && !rejected,
    );
    this.drop(({ n }) => n !== 0);
    this.restart(handled);
    return sent;
  }

  private restart(handled: number): void {
    for (const entry of this.entries) entry.n = 0;
    this.sentCount = 0;
    this.handled = handled;
    this.next = handled + 1;
  }

  private drop(gone: (entry: Entry) => boolean): void {
    this.entries = this.entries.filter((entry) => !gone(entry));
    this.sentCount = this.entries.filter(({ n }) => n !== 0).length;
  }
}

/** How many strokes that makes, as a person counts them: each goes out in pieces. */
export function strokesOf(entries: readonly Entry[]): number {
  return entries.filter(({ continues }, i) => i === 0 || !continues).length;
}

/** Whether a drawing starts with the pixel that the last one ended with, in its colour and size. */
function goesOn(last: Drawing | undefined, drawing: Drawing): boolean {
  if (drawing.type !== "Stroke" || (last?.type !== "Stroke" && last?.type !== "Pixel"))
    return false;
  const [size, end] =
    last.type === "Pixel"
      ? [1, [last.x, last.y] as const]
      : [last.size, last.points[last.points.length - 1]];
  const [x, y] = drawing.points[0];
  const sameColour = last.r === drawing.r && last.g === drawing.g && last.b === drawing.b;
  return sameColour && size === drawing.size && end[0] === x && end[1] === y;
}

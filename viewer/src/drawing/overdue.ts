/** Own drawing that the server should have made durable by now. */
import { effect, signal } from "@preact/signals";
import type { Client } from "../canvas/client";
import type { Entry } from "../canvas/outbox";
import type { Drawing } from "../canvas/raster";

/** From then on it is shown that it is still on its way. */
export const OVERDUE_MS = 2000;

export class Overdue {
  /** How much of it there is. */
  readonly count = signal(0);
  /** When each was first seen, by the clock that `now` reads. */
  private readonly since = new WeakMap<Entry, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: Client,
    private readonly now: () => number = () => performance.now(),
  ) {
    effect(() => {
      client.unsaved.value;
      this.look();
    });
  }

  /** The latest of it, at most so many. */
  latest(most: number): readonly Drawing[] {
    const count = this.count.value;
    const late = this.client.outbox.all.slice(Math.max(count - most, 0), count);
    return late.filter(({ rejected }) => !rejected).map(({ drawing }) => drawing);
  }

  /** The outbox is in the order of time: what is new stands at its end, what is late in front. */
  private look(): void {
    clearTimeout(this.timer);
    const now = this.now();
    const { all } = this.client.outbox;
    for (let i = all.length - 1; i >= 0 && !this.since.has(all[i]); i--)
      this.since.set(all[i], now);
    const age = (entry: Entry) => now - (this.since.get(entry) ?? now);
    let late = Math.min(this.count.peek(), all.length);
    while (late > 0 && age(all[late - 1]) < OVERDUE_MS) late--;
    while (late < all.length && age(all[late]) >= OVERDUE_MS) late++;
    this.count.value = late;
    if (late === all.length) return;
    this.timer = setTimeout(() => this.look(), Math.max(OVERDUE_MS - age(all[late]), 1));
  }
}

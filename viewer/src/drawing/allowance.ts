/** What may be painted now, and when more: the server's budget, carried on by the clock. */
import { signal } from "@preact/signals";
import type { Budget, Client } from "../canvas/client";
import { duration, number, texts } from "../texts";
import { toast } from "../toasts";

/** What the shape, fill or selection that is under way would cost, in pixels; null: none is. */
export const plannedCost = signal<number | null>(null);

/** The budget's pixels at a time `now`. `full`: a full budget's, 0 if that is not known. */
export function pixelsLeft(budget: Budget, full: number, now: number): number {
  const most = Math.max(full, budget.pixels, 1);
  if (budget.refillMs === 0) return most;
  const share = Math.min(Math.max((now - budget.at) / budget.refillMs, 0), 1);
  return Math.floor(budget.pixels + (most - budget.pixels) * share);
}

/** Milliseconds until `cost` pixels may be painted; 0: now, Infinity: never at once. */
export function waitFor(cost: number, budget: Budget, full: number, now: number): number {
  const left = pixelsLeft(budget, full, now);
  if (cost <= left) return 0;
  const most = Math.max(full, budget.pixels, 1);
  if (cost > most) return Infinity;
  const each = budget.refillMs / Math.max(most - budget.pixels, 1);
  return Math.max((cost - left) * each, 1);
}

/** A client's budget, less what is on its way and not taken off yet. */
export class Allowance {
  constructor(
    private readonly client: Client,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Pixels of a full budget; Infinity where there is none. */
  get full(): number {
    const { budget, info } = this.client;
    if (budget.value === null) return Infinity;
    return Math.max(info.value?.limits.budget_pixels ?? 0, budget.value.pixels);
  }

  /** Pixels that may be painted now, as far as is known. */
  get left(): number {
    const { budget, outbox, state } = this.client;
    if (budget.value === null) return Infinity;
    // Without a line nobody knows the budget by then: what waits is sent as it allows.
    if (state.value.name !== "live") return this.full;
    return Math.max(pixelsLeft(budget.value, this.full, this.now()) - outbox.unhandledCost, 0);
  }

  /** Whether that many may be painted now; if not, says when. */
  affords(pixels: number): boolean {
    const { full, left } = this;
    const budget = this.client.budget.value;
    if (budget === null || pixels <= left) return true;
    const said = texts.value.budget;
    const owed = this.client.outbox.unhandledCost;
    const wait = waitFor(Math.min(pixels + owed, full), budget, full, this.now());
    const text =
      pixels > full
        ? said.never(number(pixels), number(full))
        : said.later(number(pixels), number(left), duration(wait));
    toast(text, "warning", "budget");
    return false;
  }
}

/**
 * How fast own drawing goes out that has waited for the line, so that none of it is refused for
 * being over budget.
 *
 * A BUDGET counts what the server had handled by then; what was sent since is taken off here. What
 * comes back with time is reckoned as even, up to a full budget: never more than the server's.
 */
import { NO_LIMIT } from "../wire/wire.gen";

/** A rounding must not make many tries of one. */
const WAIT_MIN_MS = 20;

interface Sent {
  readonly n: number;
  readonly pixels: number;
}

export class Pacing {
  private unlimited: boolean;
  /** Pixels that could be painted at the time `at`; null before the first BUDGET. */
  private level: number | null = null;
  private at = 0;
  private refillPerMs: number;
  /** What no BUDGET counts yet. */
  private sent: Sent[] = [];

  /** `full`: pixels of a full budget; `refill`: so many a second. 0 for either: no limit. */
  constructor(
    private readonly full: number,
    refill: number,
    private readonly now: () => number,
  ) {
    this.unlimited = full === 0 || refill === 0;
    this.refillPerMs = refill / 1000;
  }

  /** BUDGET came, when the server had handled that many of the session's messages. */
  budget(pixels: number, refillMs: number, handled: number): void {
    this.unlimited = pixels === NO_LIMIT;
    this.sent = this.sent.filter(({ n }) => n > handled);
    this.level = pixels - this.sent.reduce((sum, each) => sum + each.pixels, 0);
    this.at = this.now();
    // Others of the same address may take of it too: then it takes longer.
    if (refillMs > 0) this.refillPerMs = Math.max(this.full - pixels, 0) / refillMs;
  }

  /** A drawing of that cost went out as number `n`. */
  spend(n: number, pixels: number): void {
    if (this.unlimited || !this.fits(pixels)) return;
    this.sent.push({ n, pixels });
    if (this.level === null) return;
    this.level = this.present(this.level) - pixels;
    this.at = this.now();
  }

  /** Whether a full budget holds so much; else it costs nothing: the server refuses it. */
  fits(pixels: number): boolean {
    return this.unlimited || pixels <= this.full;
  }

  /**
   * Milliseconds until that many pixels may be sent, after so many that go `ahead` of them now;
   * Infinity where only a BUDGET can tell. What never fits goes at once.
   */
  wait(pixels: number, ahead = 0): number {
    if (this.unlimited || !this.fits(pixels)) return 0;
    if (this.level === null) return Infinity;
    const missing = ahead + pixels - this.present(this.level);
    if (missing <= 0) return 0;
    return this.refillPerMs > 0 ? Math.max(missing / this.refillPerMs, WAIT_MIN_MS) : Infinity;
  }

  private present(level: number): number {
    return Math.min(level + (this.now() - this.at) * this.refillPerMs, this.full);
  }
}

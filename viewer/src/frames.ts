/** How long the page works for each frame that it draws, and how far apart frames come. */

/** Ten seconds' worth. */
const KEPT = 600;
/** If nothing asked for the next frame within this, the page had nothing to draw. */
const PAUSE_MS = 10;

export class FrameMeter {
  private readonly workMs = new Ring(KEPT);
  private readonly gapMs = new Ring(KEPT);
  private worked = 0;
  private began: number | null = null;
  private lastAt = 0;
  private askedAt = 0;

  /** In milliseconds, the oldest first: `work` for each frame, `gap` from a frame to the next. */
  get figures(): { readonly work: number[]; readonly gap: number[] } {
    return { work: this.workMs.values, gap: this.gapMs.values };
  }

  /** Does something that counts as work for the next frame. */
  work(act: () => void): void {
    // Work within work is counted once.
    if (this.began !== null) {
      act();
      return;
    }
    this.began = performance.now();
    try {
      act();
    } finally {
      this.worked += performance.now() - this.began;
      this.began = null;
    }
  }

  /** A frame was asked for. */
  asked(): void {
    this.askedAt = performance.now();
  }

  /** Draws a frame. */
  frame(draw: () => void): void {
    const now = performance.now();
    if (this.askedAt - this.lastAt < PAUSE_MS) this.gapMs.add(now - this.lastAt);
    this.lastAt = now;
    this.work(draw);
    this.workMs.add(this.worked);
    this.worked = 0;
  }
}

/** The last numbers of a series. */
class Ring {
  private readonly kept: Float64Array;
  private count = 0;

  constructor(size: number) {
    this.kept = new Float64Array(size);
  }

  add(value: number): void {
    this.kept[this.count++ % this.kept.length] = value;
  }

  get values(): number[] {
    const { kept, count } = this;
    if (count <= kept.length) return Array.from(kept.subarray(0, count));
    const next = count % kept.length;
    return [...kept.subarray(next), ...kept.subarray(0, next)];
  }
}

/** The page's own. */
export const frames = new FrameMeter();

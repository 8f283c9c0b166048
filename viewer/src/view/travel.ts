/** Where the view is going: what will be seen next can be asked for before it is. */
import type { Camera } from "./camera";

/** How far back a view's way says where it goes. */
const WINDOW_MS = 150;
/** So far ahead its tiles are asked for: a round trip, and time for them to come. */
const AHEAD_MS = 400;
/** Slower than this, the tiles around the view are enough. */
const SPEED_MIN_PX_PER_MS = 0.2;

interface Stop {
  readonly x: number;
  readonly y: number;
  /** In milliseconds. */
  readonly at: number;
}

export class Travel {
  private stops: Stop[] = [];

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The camera is somewhere else. */
  moved({ x, y, zoom, screen }: Camera): void {
    const at = this.now();
    const last = this.stops[this.stops.length - 1];
    const jumped =
      last !== undefined &&
      (Math.abs(x - last.x) * zoom > screen.width || Math.abs(y - last.y) * zoom > screen.height);
    if (jumped) this.stops = [];
    this.stops.push({ x, y, at });
    // Two are always kept: where frames are slow, they are all there is.
    while (this.stops.length > 2 && at - this.stops[0].at > WINDOW_MS) this.stops.shift();
  }

  /** The canvas pixels by which the view is about to move: at most half a screen either way. */
  ahead({ zoom, screen }: Camera): readonly [dx: number, dy: number] {
    const first = this.stops[0];
    const last = this.stops[this.stops.length - 1];
    if (first === undefined || last.at === first.at) return [0, 0];
    if (this.now() - last.at > WINDOW_MS) return [0, 0];
    const reach = (from: number, to: number, side: number) => {
      const speed = (to - from) / (last.at - first.at);
      if (Math.abs(speed) * zoom < SPEED_MIN_PX_PER_MS) return 0;
      const most = side / zoom / 2;
      return Math.min(Math.max(speed * AHEAD_MS, -most), most);
    };
    return [reach(first.x, last.x, screen.width), reach(first.y, last.y, screen.height)];
  }
}

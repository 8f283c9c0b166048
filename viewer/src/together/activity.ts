/** Where people drew lately: asked for every few seconds while somebody wants to see it. */
import { signal } from "@preact/signals";
import type { Place } from "../address";
import { type Box, contains, type Size } from "../canvas/geometry";
import { announcement } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Camera } from "../view/camera";
import type { Flight } from "./flight";

export const MINUTES = 10;
const REFRESH_MS = 10_000;
/** A place is shown so large at least and at most, as a share of the screen's shorter side. */
const SHARE_MIN = 1 / 8;
const SHARE_MAX = 1;

export interface Cell {
  /** Column and row among the places. */
  readonly tx: number;
  readonly ty: number;
  /** Drawing messages. */
  readonly count: number;
}

export interface Activity {
  /** Canvas pixels on a place's side. */
  readonly span: number;
  readonly cells: readonly Cell[];
}

/** What shows it. */
export interface HeatView {
  /** What the canvas's HTTP addresses begin with. */
  readonly address: string;
  readonly camera: Camera;
  requestFrame(): void;
}

export class Heat {
  readonly on = signal(false);
  /** As last told; null before that. */
  readonly activity = signal<Activity | null>(null);
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly view: HeatView,
    private readonly flight: Flight,
  ) {
    document.addEventListener("visibilitychange", () => {
      if (this.on.peek() && !document.hidden) void this.refresh();
    });
  }

  toggle(): void {
    this.on.value = !this.on.peek();
    clearInterval(this.timer);
    const said = texts.peek().heat;
    announcement.value = this.on.peek() ? said.isOn(MINUTES) : said.isOff;
    this.view.requestFrame();
    if (!this.on.peek()) return;
    this.activity.value = null;
    void this.refresh();
    this.timer = setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, REFRESH_MS);
  }

  /** Goes to the place out of view where most happens. */
  async jump(): Promise<void> {
    if (!(await this.refresh())) {
      toast(texts.peek().heat.unknown, "warning");
      return;
    }
    const { activity, view } = this;
    const place = activity.value && hottest(activity.value, view.camera);
    if (place) {
      this.flight.to(place);
      announcement.value = texts.peek().heat.jumped(Math.round(place.x), Math.round(place.y));
    } else toast(texts.peek().heat.quiet(MINUTES));
  }

  /** Asks the server; false if it doesn't answer. */
  private async refresh(): Promise<boolean> {
    try {
      const url = `${this.view.address}/activity?minutes=${MINUTES}`;
      const response = await fetch(url, { cache: "no-store" });
      const told = response.ok ? read(await response.json()) : null;
      if (told === null) return false;
      this.activity.value = told;
    } catch {
      return false;
    }
    this.view.requestFrame();
    return true;
  }
}

function read(json: unknown): Activity | null {
  if (typeof json !== "object" || json === null) return null;
  const { span, cells } = json as Record<string, unknown>;
  if (typeof span !== "number" || !(span > 0) || !Array.isArray(cells)) return null;
  const whole = (each: unknown): each is [number, number, number] =>
    Array.isArray(each) && each.length === 3 && each.every((n) => Number.isInteger(n) && n >= 0);
  if (!cells.every(whole)) return null;
  return { span, cells: cells.map(([tx, ty, count]) => ({ tx, ty, count })) };
}

/** The middle of the hottest place that isn't on the screen, or of the hottest if all are. */
export function hottest(
  { span, cells }: Activity,
  camera: {
    readonly screen: Size;
    readonly zoom: number;
    readonly canvas: Size;
    visible(): Box | null;
  },
): Place | null {
  const seen = camera.visible();
  const middles = cells.map(({ tx, ty, count }) => ({
    x: Math.min((tx + 0.5) * span, (tx * span + camera.canvas.width) / 2),
    y: Math.min((ty + 0.5) * span, (ty * span + camera.canvas.height) / 2),
    count,
  }));
  const out = middles.filter(({ x, y }) => seen === null || !contains(seen, x, y));
  let best: (typeof middles)[number] | null = null;
  for (const each of out.length > 0 ? out : middles) {
    if (best === null || each.count > best.count) best = each;
  }
  if (best === null) return null;
  const side = Math.min(camera.screen.width, camera.screen.height);
  const zoom = Math.min(
    Math.max(camera.zoom, (SHARE_MIN * side) / span),
    (SHARE_MAX * side) / span,
  );
  return { x: best.x, y: best.y, zoom };
}

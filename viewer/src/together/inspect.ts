/** One pixel looked at closely: its colour, who painted it last, and when. */
import { effect, signal } from "@preact/signals";
import type { Colour } from "../canvas/canvas-info";
import { nameOf, parseHex } from "../canvas/colour";
import type { PixelPoint } from "../drawing/tools/pixels";
import { announcement, hovered, tool } from "../state";
import { texts } from "../texts";
import { ago } from "./relative-time";

const REST_MS = 600;
/** So long the pointer may take from the pixel to the card. */
const GRACE_MS = 350;
/** The view may move by so much without the card going: a finger never rests quite. */
const SLACK_PX = 10;

/** Who painted a pixel last; `name` null: a guest. */
export interface Painter {
  readonly name: string | null;
  readonly when: Date;
}

/** `nobody` ever painted it; it is `lost` if the search ended too soon or the server didn't answer. */
export type Finding = Painter | "asked" | "nobody" | "lost";

export interface Inspected {
  readonly x: number;
  readonly y: number;
  /** Null where it isn't known yet. */
  readonly colour: Colour | null;
  readonly finding: Finding;
  /** It stays until it is closed or the view moves; otherwise it goes with the pointer. */
  readonly pinned: boolean;
}

/** What is inspected, and where. */
export interface Inspectable {
  /** What the canvas's HTTP addresses begin with. */
  readonly address: string;
  readonly camera: { readonly x: number; readonly y: number; readonly zoom: number };
  pixel(x: number, y: number): Colour | null;
}

export class Inspection {
  readonly pixel = signal<Inspected | null>(null);
  private request = new AbortController();
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private goTimer: ReturnType<typeof setTimeout> | undefined;
  private place = { x: 0, y: 0, zoom: 1 };
  private byFinger = false;
  private readonly listeners = new AbortController();

  constructor(private readonly view: Inspectable) {
    const note = ({ pointerType }: PointerEvent) => {
      this.byFinger = pointerType === "touch";
    };
    const { signal } = this.listeners;
    window.addEventListener("pointerdown", note, { capture: true, passive: true, signal });
    window.addEventListener("pointermove", note, { capture: true, passive: true, signal });
    signal.addEventListener(
      "abort",
      effect(() => this.rest(hovered.value, tool.value === "pan")),
    );
  }

  destroy(): void {
    this.listeners.abort();
    this.close();
  }

  /** Shows a pixel until it is closed, or closes it if it is shown so. */
  toggle(at: PixelPoint): void {
    const shown = this.pixel.peek();
    if (shown?.pinned && shown.x === at[0] && shown.y === at[1]) this.close();
    else this.show(at, true);
  }

  close(): void {
    clearTimeout(this.restTimer);
    this.hide();
  }

  /** The pointer has come to the card. */
  keep(): void {
    clearTimeout(this.goTimer);
  }

  /** The pointer has left the card. */
  leave(): void {
    if (this.pixel.peek()?.pinned === false) this.hide();
  }

  /** The view moved. */
  moved(): void {
    const { camera } = this.view;
    const dx = (camera.x - this.place.x) * camera.zoom;
    const dy = (camera.y - this.place.y) * camera.zoom;
    if (Math.hypot(dx, dy) < SLACK_PX && camera.zoom === this.place.zoom) return;
    if (this.pixel.peek()) this.hide();
    if (this.restTimer !== undefined) this.rest(hovered.peek(), tool.peek() === "pan");
  }

  private notePlace(): void {
    const { x, y, zoom } = this.view.camera;
    this.place = { x, y, zoom };
  }

  private hide(): void {
    this.request.abort();
    clearTimeout(this.goTimer);
    this.pixel.value = null;
  }

  private rest(at: PixelPoint | null, mayShow: boolean): void {
    clearTimeout(this.restTimer);
    this.restTimer = undefined;
    this.notePlace();
    const shown = this.pixel.peek();
    if (shown?.pinned === false) {
      const same = at !== null && at[0] === shown.x && at[1] === shown.y;
      clearTimeout(this.goTimer);
      if (!same) this.goTimer = setTimeout(() => this.leave(), GRACE_MS);
    }
    if (at === null || !mayShow || (shown?.pinned && !this.byFinger)) return;
    this.restTimer = setTimeout(() => {
      this.restTimer = undefined;
      this.show(at, this.byFinger);
    }, REST_MS);
  }

  private show([x, y]: PixelPoint, pinned: boolean): void {
    this.close();
    this.request = new AbortController();
    this.notePlace();
    this.pixel.value = { x, y, colour: this.view.pixel(x, y), finding: "asked", pinned };
    void this.ask(x, y, this.request.signal);
  }

  private async ask(x: number, y: number, signal: AbortSignal): Promise<void> {
    let answer: Partial<Inspected> = { finding: "lost" };
    try {
      const response = await fetch(`${this.view.address}/pixel/${x}/${y}`, {
        cache: "no-store",
        signal,
      });
      if (response.ok) answer = read(await response.json());
    } catch {
      // No line, or the card was closed meanwhile.
    }
    const shown = this.pixel.peek();
    if (signal.aborted || shown === null) return;
    const known = { ...shown, ...answer };
    this.pixel.value = known;
    if (known.pinned) announcement.value = described(known);
  }
}

/** Reads what the server said, as far as it makes sense. */
function read(json: unknown): Partial<Inspected> {
  if (typeof json !== "object" || json === null) return { finding: "lost" };
  const { colour, painter, searched_to } = json as Record<string, unknown>;
  const seen = typeof colour === "string" ? parseHex(colour) : null;
  const known = seen ? { colour: seen } : {};
  if (typeof painter === "object" && painter !== null) {
    const { name, when } = painter as Record<string, unknown>;
    const date = new Date(String(when));
    if (!Number.isNaN(date.getTime())) {
      return { ...known, finding: { name: typeof name === "string" ? name : null, when: date } };
    }
  }
  return { ...known, finding: painter === null && searched_to === 0 ? "nobody" : "lost" };
}

/** Who painted it, in words. */
export function painterOf(finding: Finding): string {
  const said = texts.value.inspect;
  if (typeof finding === "string") return said[finding];
  return said.painted(finding.name ?? texts.value.common.guest, ago(finding.when, Date.now()));
}

function described({ x, y, colour, finding }: Inspected): string {
  const said = texts.value.painting;
  return `${said.pixel(x, y, colour ? nameOf(colour) : said.notLoaded)}. ${painterOf(finding)}`;
}

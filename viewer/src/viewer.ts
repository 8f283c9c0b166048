/** Puts it together: the client's canvas, the camera, the screen, and what the person does. */
import { type Place, permalink, readPermalink } from "./address";
import { Camera, type Insets } from "./camera";
import { type CanvasInfo, type Colour, ROLE_MODERATOR } from "./canvas-info";
import { Canvas2dRenderer } from "./canvas2d";
import { Client } from "./client";
import { toHex } from "./colour";
import { sameBox } from "./geometry";
import type { KeyTarget } from "./keyboard";
import { Overlay } from "./overlay";
import { Painting } from "./painting";
import { PointerInput, type PointerTarget } from "./pointer-input";
import type { Renderer } from "./renderer";
import {
  brushSize,
  chooseColour,
  chooseTool,
  colour,
  filled,
  hovered,
  lineWidth,
  name,
  ownColour,
  tool,
  zoom,
} from "./state";
import { rememberSession } from "./storage";
import type { View } from "./store";
import { refusal, texts } from "./texts";
import { toast } from "./toasts";
import { isOnCanvas, pixelAt } from "./tools/pixels";
import type { CanvasPoint, Gesture } from "./tools/tools";
import { POINTER_PAINTING } from "./wire.gen";

const VIEW_INTERVAL_MS = 50;
const PERMALINK_DELAY_MS = 250;
/** The pixel cursor keeps so far from the screen's edge. */
const CURSOR_MARGIN_PX = 40;
const TONES = ["info", "warning", "error"] as const;

export class Viewer implements PointerTarget, KeyTarget {
  readonly client: Client;
  readonly camera = new Camera();
  private readonly renderer: Renderer;
  private readonly overlay: Overlay;
  private readonly input: PointerInput;
  private readonly painting: Painting;
  private readonly stillMotion = matchMedia("(prefers-reduced-motion: reduce)");
  private pointer: CanvasPoint | null = null;
  private frameRequested = false;
  private lastFrameAt = 0;
  private sentView: View | null = null;
  private viewTimer: ReturnType<typeof setTimeout> | undefined;
  private permalinkTimer: ReturnType<typeof setTimeout> | undefined;
  /** The whole canvas is shown, and is to stay so when the screen changes. */
  private fitted = true;
  private arrived = false;

  constructor(
    url: string,
    private readonly canvasName: string,
    private readonly stage: HTMLElement,
    picture: HTMLCanvasElement,
    private readonly surface: HTMLCanvasElement,
  ) {
    this.renderer = new Canvas2dRenderer(picture);
    this.overlay = new Overlay(surface);
    this.client = new Client(url, {
      refused: (code, retryMs) => toast(refusal(code, retryMs), "warning", `refusal ${code}`),
      notice: (level, text) => toast(text, TONES[level] ?? "info"),
      changed: () => this.requestFrame(),
      welcomed: (info, session) => this.welcomed(info, session),
    });
    const { store, pending } = this.client;
    store.onChange = (tile, changed) => this.renderer.tileChanged(tile, changed);
    store.onForget = () => this.renderer.clear();
    pending.onChange = (changed) => this.renderer.pendingChanged(changed);
    this.painting = new Painting(this.client, () => this.requestFrame());
    this.camera.onChange = () => this.moved();
    this.input = new PointerInput(surface, this);
    new ResizeObserver(() => this.resized()).observe(stage);
    window.addEventListener("hashchange", () => this.followPermalink());
    window.addEventListener("online", () => this.client.connection.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.client.connection.hurry();
    });
    for (const chosen of [tool, brushSize, lineWidth, filled]) {
      chosen.subscribe(() => this.requestFrame());
    }
    tool.subscribe((id) => {
      this.painting.endKeyGesture();
      stage.classList.toggle("is-moving", id === "pan");
    });
    this.resized();
  }

  /** Starts, with the session that this tab had. */
  start(session: Uint8Array | null): void {
    if (session) this.client.connection.session = session;
    this.client.present(name.value, ownColour.value);
    this.client.connection.connect();
  }

  get mayPaint(): boolean {
    return this.client.mayPaint;
  }

  /** What the canvas is called where it has no title. */
  get canvasTitle(): string {
    return decodeURIComponent(this.canvasName);
  }

  /** Gives the keys to the canvas. */
  focus(): void {
    this.surface.focus({ preventScroll: true });
  }

  // The view

  /** Shows a place: the canvas point in the middle, screen pixels for each canvas pixel. */
  goto({ x, y, zoom }: Place): void {
    this.fitted = false;
    this.camera.moveTo(x, y, zoom);
  }

  panBy(dx: number, dy: number): void {
    this.fitted = false;
    this.camera.panBy(dx, dy);
  }

  zoomAt(sx: number, sy: number, factor: number): void {
    this.fitted = false;
    this.camera.zoomAt(sx, sy, factor);
  }

  /** Zooms about the middle of the screen. */
  zoomBy(factor: number): void {
    const { width, height } = this.camera.screen;
    this.zoomAt(width / 2, height / 2, factor);
  }

  fit(): void {
    this.fitted = true;
    this.camera.fit();
  }

  /** Tells what part of the screen panels cover. */
  setInsets(insets: Insets): void {
    this.camera.insets = insets;
    if (this.fitted && this.client.info.value) this.camera.fit();
  }

  toCanvas(sx: number, sy: number): CanvasPoint {
    return this.camera.toCanvas(sx, sy);
  }

  private moved(): void {
    zoom.value = this.camera.zoom;
    this.requestFrame();
    if (this.client.info.value === null) return;
    this.viewTimer ??= setTimeout(() => {
      this.viewTimer = undefined;
      this.look();
    }, VIEW_INTERVAL_MS);
    clearTimeout(this.permalinkTimer);
    this.permalinkTimer = setTimeout(() => {
      const hash = permalink(this.camera);
      if (hash !== location.hash) history.replaceState(history.state, "", hash);
    }, PERMALINK_DELAY_MS);
  }

  private get view(): View | null {
    const info = this.client.info.value;
    return info && this.camera.view(info.levels, info.limits.max_viewport_tiles);
  }

  /** Whether every tile of what the camera shows was asked for and is there. */
  get loaded(): boolean {
    const { store } = this.client;
    return sameView(this.view, store.view) && store.loaded;
  }

  private look(): void {
    const { sentView: last, view } = this;
    if (view === null || !this.client.connection.live) return;
    if (sameView(last, view)) return;
    this.sentView = view;
    this.client.look(view);
  }

  private followPermalink(): void {
    const place = readPermalink(location.hash);
    if (place) this.goto(place);
  }

  private resized(): void {
    this.fitScreen();
    this.drawFrame();
  }

  private fitScreen(): void {
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (width === 0 || height === 0) return;
    this.camera.resize({ width, height }, window.devicePixelRatio || 1);
    this.renderer.resize(this.camera);
    this.overlay.resize(this.camera);
    if (this.fitted && this.client.info.value) this.camera.fit();
  }

  private welcomed(info: CanvasInfo, session: Uint8Array): void {
    rememberSession(this.canvasName, session);
    const { camera } = this;
    const sameSize = camera.canvas.width === info.width && camera.canvas.height === info.height;
    camera.canvas = { width: info.width, height: info.height };
    document.title = info.title ? `${info.title} · Tilecast` : "Tilecast";
    if (!sameSize) {
      const place = this.arrived ? null : readPermalink(location.hash);
      this.arrived = true;
      if (place) this.goto(place);
      else this.fit();
    }
    if (info.palette && !info.palette.some((each) => toHex(each) === toHex(colour.value))) {
      chooseColour(info.palette[info.palette.length - 1]);
    }
    if (!this.mayPaint) chooseTool("pan");
    // Only said: it may be opened again any time, and a NOTICE tells of that.
    else if (info.frozen && info.role < ROLE_MODERATOR) toast(texts.value.canvas.frozen);
    this.sentView = null;
    this.look();
    this.requestFrame();
  }

  // What the person does

  begin(at: CanvasPoint, alternative: boolean): Gesture | null {
    return this.painting.begin(at, alternative);
  }

  /** The colour shown at a pixel, own drawing included; null where it isn't loaded. */
  pixel(x: number, y: number): Colour | null {
    return this.painting.pixel(x, y);
  }

  hover(at: CanvasPoint | null, painting: boolean): void {
    const inside = at !== null && isOnCanvas(at, this.client.size);
    const pixel = inside ? pixelAt(at, 1, this.client.size) : null;
    this.pointer = at;
    const last = hovered.value;
    if (last?.[0] !== pixel?.[0] || last?.[1] !== pixel?.[1]) hovered.value = pixel;
    this.client.point(pixel, painting ? POINTER_PAINTING : 0);
    this.requestFrame();
  }

  step(dx: number, dy: number): void {
    const { camera, painting } = this;
    const [x, y] = painting.step(dx, dy, [Math.floor(camera.x), Math.floor(camera.y)]);
    this.fitted = false;
    camera.reveal(x + 0.5, y + 0.5, CURSOR_MARGIN_PX);
    this.client.point([x, y], 0);
    this.requestFrame();
  }

  press(): void {
    if (!this.painting.press()) this.step(0, 0);
  }

  cancel(): void {
    this.input.cancel();
    this.painting.cancel();
    this.requestFrame();
  }

  holdSpace(held: boolean): void {
    this.input.spaceHeld = held;
    this.stage.classList.toggle("is-panning", held);
  }

  // Frames

  requestFrame(): void {
    if (this.frameRequested) return;
    this.frameRequested = true;
    requestAnimationFrame(() => this.drawFrame());
  }

  private drawFrame(): void {
    this.frameRequested = false;
    // The window has come to another monitor.
    if (this.camera.pixelRatio !== (window.devicePixelRatio || 1)) this.fitScreen();
    const now = performance.now();
    const elapsed = Math.min(now - this.lastFrameAt, 100);
    this.lastFrameAt = now;
    this.input.frame();
    const { camera, client, painting } = this;
    const { pending, store, peers } = client;
    const info = client.info.value;
    if (info === null) return;
    const gliding = peers.glide(elapsed, this.stillMotion.matches);
    const { background } = info;
    this.renderer.draw({ camera, store, pending, background, view: this.view });
    const { preview, pixelCursor } = painting;
    const brush = painting.outline(this.pointer);
    this.overlay.draw({ camera, peers, preview, pixelCursor, brush });
    if (gliding) this.requestFrame();
  }
}

function sameView(a: View | null, b: View | null): boolean {
  return a !== null && b !== null && a.level === b.level && sameBox(a.tiles, b.tiles);
}

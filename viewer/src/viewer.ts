/** Puts it together: the client's canvas, the camera, the screen, and what the person does. */
import { canvasUrl, type Place, readPermalink } from "./address";
import { type CanvasInfo, type Colour, ROLE_MODERATOR } from "./canvas/canvas-info";
import { Client } from "./canvas/client";
import { toHex } from "./canvas/colour";
import type { TileListener } from "./canvas/store";
import { Painting } from "./drawing/painting";
import { isOnCanvas, pixelAt } from "./drawing/tools/pixels";
import type { CanvasPoint, Gesture } from "./drawing/tools/tools";
import { frames } from "./frames";
import type { KeyTarget } from "./keyboard";
import { guide, mode } from "./mode";
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
  showsCursor,
  tool,
  zoom,
} from "./state";
import { rememberSession } from "./storage";
import { refusal, texts } from "./texts";
import { toast } from "./toasts";
import { Together } from "./together/together";
import { Backdrop } from "./view/backdrop";
import { Camera, type Insets } from "./view/camera";
import { Canvas2dRenderer } from "./view/canvas2d";
import { Looking } from "./view/looking";
import { Motion } from "./view/motion";
import { Overlay } from "./view/overlay";
import { PointerInput, type PointerTarget } from "./view/pointer-input";
import type { Renderer } from "./view/renderer";
import { POINTER_PAINTING } from "./wire/wire.gen";

/** The pixel cursor keeps so far from the screen's edge. */
const CURSOR_MARGIN_PX = 40;
const TONES = ["info", "warning", "error"] as const;

/** A part of the viewer that follows the tiles' pixels. */
export interface TileWatcher {
  readonly tileChanged: TileListener;
  /** What was held no longer counts. */
  forget(): void;
}

export class Viewer implements PointerTarget, KeyTarget {
  /** What the canvas's HTTP addresses begin with: `https://…/c/main`. */
  readonly address: string;
  readonly client: Client;
  readonly camera = new Camera();
  private readonly renderer: Renderer;
  /** Where parts of the viewer add what they draw over the canvas. */
  readonly overlay: Overlay;
  readonly tileWatchers: TileWatcher[] = [];
  private readonly input: PointerInput;
  readonly painting: Painting;
  readonly together: Together;
  private readonly stillMotion = matchMedia("(prefers-reduced-motion: reduce)");
  private readonly motion = new Motion(this.camera, () => this.stillMotion.matches);
  private readonly backdrop: Backdrop;
  private readonly looking: Looking;
  private pointer: CanvasPoint | null = null;
  private frameRequested = false;
  private lastFrameAt = 0;
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
    this.address = canvasUrl(url);
    this.backdrop = new Backdrop(`${this.address}/tiles/`);
    this.backdrop.onChange = () => this.requestFrame();
    this.client = new Client(url, {
      refused: (code, retryMs) => toast(refusal(code, retryMs), "warning", `refusal ${code}`),
      notice: (level, text) => toast(text, TONES[level] ?? "info"),
      changed: () => this.requestFrame(),
      welcomed: (info, session) => this.welcomed(info, session),
    });
    this.looking = new Looking(this.camera, this.client, this.backdrop);
    const { store, pending } = this.client;
    store.onChange = (tile, changed) => {
      this.renderer.tileChanged(tile, changed);
      for (const watcher of this.tileWatchers) watcher.tileChanged(tile, changed);
    };
    store.onForget = () => {
      this.renderer.clear();
      this.backdrop.clear();
      for (const watcher of this.tileWatchers) watcher.forget();
    };
    pending.onChange = (changed) => this.renderer.pendingChanged(changed);
    this.painting = new Painting(this.client, {
      visible: () => this.camera.visible(),
      changed: () => this.requestFrame(),
    });
    this.together = new Together(this);
    this.camera.onChange = () => this.moved();
    this.input = new PointerInput(surface, this);
    new ResizeObserver(() => this.resized()).observe(stage);
    window.addEventListener("hashchange", () => this.followPermalink());
    const hurry = () => {
      if (!document.hidden) this.client.connection.hurry();
    };
    window.addEventListener("online", hurry);
    window.addEventListener("pageshow", hurry);
    document.addEventListener("visibilitychange", hurry);
    document.addEventListener("resume", hurry);
    // Whoever presses a key wants to do something here.
    window.addEventListener("keydown", () => this.motion.stopFlick());
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
    this.hold();
    this.camera.moveTo(x, y, zoom);
  }

  dragBy(dx: number, dy: number, time: number): void {
    this.fitted = false;
    this.motion.dragBy(dx, dy, time);
  }

  letGo(time: number): void {
    this.motion.letGo(time);
    this.requestFrame();
  }

  hold(): void {
    this.motion.stop();
    this.motion.forgetDrag();
  }

  /** For keys and the wheel. */
  glideBy(dx: number, dy: number): void {
    this.fitted = false;
    this.motion.glideBy(dx, dy);
    this.requestFrame();
  }

  zoomAt(sx: number, sy: number, factor: number): void {
    this.fitted = false;
    this.hold();
    this.camera.zoomAt(sx, sy, factor);
  }

  zoomTowards(sx: number, sy: number, factor: number): void {
    this.fitted = false;
    this.motion.zoomTowards(sx, sy, factor);
    this.requestFrame();
  }

  /** Zooms about the middle of the screen. */
  zoomBy(factor: number): void {
    const { width, height } = this.camera.screen;
    this.zoomTowards(width / 2, height / 2, factor);
  }

  /** The same, to so many screen pixels for each canvas pixel. */
  zoomTo(zoom: number): void {
    this.motion.stop();
    this.zoomBy(zoom / this.camera.zoom);
  }

  fit(): void {
    this.fitted = true;
    this.hold();
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
    this.looking.moved();
    this.together.moved();
    this.requestFrame();
  }

  /** Whether every tile of what the camera shows was asked for and is there. */
  get loaded(): boolean {
    return this.looking.loaded;
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
    this.looking.begin();
    this.requestFrame();
  }

  // What the person does

  begin(at: CanvasPoint, alternative: boolean): Gesture | null {
    return mode.value?.begin(at) ?? this.painting.begin(at, alternative);
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
    this.client.point(showsCursor.value ? pixel : null, painting ? POINTER_PAINTING : 0);
    this.requestFrame();
  }

  step(dx: number, dy: number): void {
    if (mode.value?.step(dx, dy)) return;
    const { camera, painting } = this;
    const [x, y] = painting.step(dx, dy, [Math.floor(camera.x), Math.floor(camera.y)]);
    this.fitted = false;
    camera.reveal(x + 0.5, y + 0.5, CURSOR_MARGIN_PX);
    this.client.point(showsCursor.value ? [x, y] : null, 0);
    this.requestFrame();
  }

  /** Puts the pixel cursor on a pixel and shows it, at least so close and clear of the panels. */
  pointAt(x: number, y: number, zoomMin: number): void {
    const { camera, painting } = this;
    const [sx, sy] = camera.toScreen(x + 0.5, y + 0.5);
    const { width, height } = camera.screen;
    const clear = Math.abs(sx / width - 0.5) < 0.25 && Math.abs(sy / height - 0.5) < 0.25;
    if (camera.zoom < zoomMin || !clear) {
      this.goto({ x: x + 0.5, y: y + 0.5, zoom: Math.max(camera.zoom, zoomMin) });
    }
    painting.pixelCursor = [x, y];
    this.step(0, 0);
  }

  press(): void {
    if (mode.value) {
      mode.value.press(this.painting.pixelCursor);
      return;
    }
    if (!this.painting.press()) this.step(0, 0);
  }

  cancel(): void {
    mode.value?.cancel();
    guide.value = null;
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
    frames.asked();
    requestAnimationFrame(() => frames.frame(() => this.drawFrame()));
  }

  private drawFrame(): void {
    this.frameRequested = false;
    this.motion.frame();
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
    const { backdrop, looking } = this;
    const { view } = looking;
    this.renderer.draw({ camera, store, pending, backdrop, background, view });
    const { preview, pixelCursor } = painting;
    const brush = mode.value ? null : painting.outline(this.pointer);
    this.overlay.draw({ camera, peers, preview, pixelCursor, brush });
    if (gliding || this.motion.moving) this.requestFrame();
  }
}

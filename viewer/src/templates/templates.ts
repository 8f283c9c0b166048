/** The templates of one canvas: which there are, how they are shown, and how far they are painted. */
import { effect, type Signal, signal } from "@preact/signals";
import { permalink } from "../address";
import { nearestOf, toHex } from "../canvas/colour";
import type { Box } from "../canvas/geometry";
import type { HeldTile } from "../canvas/store";
import { guide } from "../mode";
import { panelOpen } from "../state";
import { recall, remember } from "../storage";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import { Comparison, type Progress } from "./comparison";
import { TemplateDatabase } from "./database";
import { enlarge } from "./enlargement";
import { fetchImage, ImageError, readImage } from "./image";
import { NextWrong } from "./next-wrong";
import { type Offer, readOffer, writeOffer } from "./share-link";
import { canvasKey, countKey } from "./start";
import { areaOf, sizeOf, type Template, type TemplateDraft } from "./template";
import { TemplateLayer } from "./template-layer";

export type TemplateStyle = "overlay" | "dots";

/** Of each frame so much goes into comparing. */
const WORK_MS = 1;
const PROGRESS_INTERVAL_MS = 250;
const OPACITY = 0.5;
/** How far a link zooms in at most on what it brings. */
const LINK_ZOOM_MAX = 8;

export class Templates {
  /** In the order in which they are drawn. */
  readonly list = signal<readonly Template[]>([]);
  /** The one whose settings the panel shows. */
  readonly chosen = signal<string | null>(null);
  /** Of those that are visible, by id. */
  readonly progress = signal<ReadonlyMap<string, Progress>>(new Map());
  /** What a link brings, until the person has decided. */
  readonly offer = signal<Offer | null>(null);
  readonly style: Signal<TemplateStyle> = signal(
    recall("templates-style") === "dots" ? "dots" : "overlay",
  );
  readonly marksWrong = signal(recall("templates-mark-wrong") === "1");
  /** The one that is being moved: it is compared where it is let go. */
  readonly moving = signal<string | null>(null);
  private readonly canvas: string;
  private readonly comparisons = new Map<string, Compared>();
  private readonly nextWrong: NextWrong;
  /** Changed since they were written. */
  private readonly unwritten = new Map<string, Template>();
  private writing = false;
  private progressTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    readonly viewer: Viewer,
    private readonly database: TemplateDatabase | null,
  ) {
    this.canvas = canvasKey(viewer);
    this.nextWrong = new NextWrong(this, viewer);
  }

  static async open(viewer: Viewer): Promise<Templates> {
    const database = await TemplateDatabase.open();
    const templates = new Templates(viewer, database);
    templates.list.value = (await database?.load(templates.canvas).catch(() => [])) ?? [];
    templates.begin();
    return templates;
  }

  /** Whether they are there again next time. */
  get kept(): boolean {
    return this.database !== null;
  }

  /** Those that are shown, from below to above, each with its comparison. */
  get shown(): readonly (readonly [Template, Comparison])[] {
    return this.list.value.flatMap((template) => {
      const compared = this.comparisons.get(template.id);
      return compared ? [[template, compared.comparison] as const] : [];
    });
  }

  private begin(): void {
    const { overlay, tileWatchers, client } = this.viewer;
    overlay.layers.push(new TemplateLayer(this));
    tileWatchers.push({
      tileChanged: (tile, changed) => this.tileChanged(tile, changed),
      forget: () => this.forget(),
    });
    effect(() => {
      this.compareAll(this.list.value, this.moving.value, client.info.value);
      this.viewer.requestFrame();
    });
    // There is nothing to be led to, or the person is busy with the list.
    effect(() => {
      const none = !this.list.value.some(({ visible }) => visible);
      if (none || panelOpen.value === "templates") guide.value = null;
    });
    effect(() => {
      remember("templates-style", this.style.value);
      remember("templates-mark-wrong", this.marksWrong.value ? "1" : "0");
      this.viewer.requestFrame();
    });
  }

  // What there is

  /** Adds one in the middle of the view, or with its upper left corner at a canvas pixel. */
  add(draft: TemplateDraft, at?: { readonly x: number; readonly y: number }): Template {
    const { camera } = this.viewer;
    const { width, height } = draft.image;
    const template: Template = {
      ...draft,
      id: newId(),
      canvas: this.canvas,
      name: draft.name || texts.value.templates.unnamed,
      x: at?.x ?? inside(camera.x - width / 2, width, camera.canvas.width),
      y: at?.y ?? inside(camera.y - height / 2, height, camera.canvas.height),
      opacity: OPACITY,
      visible: true,
      scale: 1,
    };
    this.insert(template, this.list.value.length);
    this.chosen.value = template.id;
    return template;
  }

  /** Reads image files and adds what they hold; says what is wrong with the others. */
  async addFiles(files: Iterable<File>): Promise<void> {
    for (const file of files) await this.addFrom(() => readImage(file, file.name));
  }

  /** Fetches an image of this server and adds it. Returns whether that went well. */
  async addAddress(address: string): Promise<boolean> {
    return (await this.addFrom(() => fetchImage(address))) !== null;
  }

  change(id: string, change: Partial<Omit<Template, "id" | "image">>): void {
    this.list.value = this.list.value.map((template) => {
      if (template.id !== id) return template;
      const changed = { ...template, ...change };
      this.unwritten.set(id, changed);
      return changed;
    });
    void this.write();
  }

  /** Takes one away; it can be brought back for as long as that is offered. */
  remove(id: string): void {
    const index = this.list.value.findIndex((template) => template.id === id);
    const template = this.list.value[index];
    if (template === undefined) return;
    this.list.value = this.list.value.filter((each) => each !== template);
    if (this.chosen.value === id) this.chosen.value = null;
    this.unwritten.delete(id);
    void this.keep((database) => database.remove(id));
    const said = texts.value.templates;
    toast(said.deleted(template.name), "info", `template ${id}`, {
      label: said.undo,
      run: () => this.insert(template, index),
    });
  }

  private insert(template: Template, index: number): void {
    const list = [...this.list.value];
    list.splice(index, 0, template);
    this.list.value = list;
    void this.keep((database) => database.add(template));
  }

  private async addFrom(
    read: () => Promise<TemplateDraft>,
    at?: { readonly x: number; readonly y: number },
  ): Promise<Template | null> {
    try {
      return this.add(await read(), at);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      toast(texts.value.templates.faults[error.fault], "error");
      return null;
    }
  }

  // Links

  /** Looks at a page's hash; if it brings a template, the panel asks what to do with it. */
  consider(hash: string): void {
    const offer = readOffer(hash);
    if (offer === null) {
      toast(texts.value.templates.badLink, "warning");
      return;
    }
    this.offer.value = offer;
    panelOpen.value = "templates";
  }

  /** Shows what the link brings, or doesn't. */
  async decide(accepted: boolean): Promise<void> {
    const offer = this.offer.value;
    this.offer.value = null;
    if (offer === null || !accepted) return;
    if ("image" in offer) {
      this.add({ name: offer.name, image: offer.image, enlargement: 1, source: null }, offer);
    } else await this.addFrom(() => fetchImage(offer.address.href), offer);
  }

  /** A link that shows the template where it lies; null if it is too large for one. */
  linkTo(template: Template): string | null {
    const brings = writeOffer(template);
    if (brings === null) return null;
    const { width, height } = sizeOf(template);
    const { x0, y0 } = areaOf(template);
    const { screen } = this.viewer.camera;
    const fits = Math.min(screen.width / width, screen.height / height) * 0.8;
    const place = {
      x: x0 + width / 2,
      y: y0 + height / 2,
      zoom: Math.min(fits, LINK_ZOOM_MAX),
    };
    return `${location.origin}${location.pathname}${permalink(place)}${brings}`;
  }

  // Comparing

  showNextWrong(): void {
    this.nextWrong.show();
  }

  /** Once per frame, before it is drawn, or for longer where somebody waits for it. */
  work(forMs = WORK_MS): void {
    const deadline = performance.now() + forMs;
    let worked = false;
    for (const { comparison } of this.comparisons.values()) {
      if (performance.now() > deadline) break;
      worked =
        comparison.work(this.viewer.client.store, deadline, () => performance.now()) || worked;
    }
    if (!worked) return;
    this.progressTimer ??= setTimeout(() => this.tellProgress(), PROGRESS_INTERVAL_MS);
    if (this.shown.some(([, comparison]) => !comparison.settled)) this.viewer.requestFrame();
  }

  private tellProgress(): void {
    this.progressTimer = undefined;
    this.progress.value = new Map(
      [...this.comparisons].map(([id, { comparison }]) => [id, comparison.progress]),
    );
  }

  private tileChanged(tile: HeldTile, changed: Box): void {
    for (const { comparison } of this.comparisons.values()) comparison.tileChanged(tile, changed);
  }

  private forget(): void {
    for (const { comparison } of this.comparisons.values()) comparison.forget();
  }

  private compareAll(
    list: readonly Template[],
    moving: string | null,
    info: Viewer["client"]["info"]["value"],
  ): void {
    if (info === null) return;
    const palette = info.palette?.map(toHex).join() ?? "";
    const visible = list.filter((template) => template.visible);
    const ids = new Set(visible.map(({ id }) => id));
    for (const id of this.comparisons.keys()) if (!ids.has(id)) this.comparisons.delete(id);
    for (const { id, image, scale, x, y } of visible) {
      let compared = this.comparisons.get(id);
      if (compared?.scale !== scale || compared.palette !== palette) {
        const match = info.palette && nearestOf(info.palette);
        const comparison = new Comparison(enlarge(image, scale), match);
        compared = { comparison, scale, palette, place: "" };
        this.comparisons.set(id, compared);
      }
      const place = `${x},${y},${info.width},${info.height}`;
      if (id === moving || compared.place === place) continue;
      compared.place = place;
      compared.comparison.place(x, y, { width: info.width, height: info.height });
    }
    this.progressTimer ??= setTimeout(() => this.tellProgress(), 0);
  }

  // Keeping

  /** Writes at once; what changes meanwhile is written after that, once. */
  private async write(): Promise<void> {
    if (this.writing) return;
    this.writing = true;
    for (const [id, template] of this.unwritten) {
      this.unwritten.delete(id);
      await this.keep((database) => database.update(template));
    }
    this.writing = false;
  }

  private async keep(action: (database: TemplateDatabase) => Promise<void>): Promise<void> {
    const { database } = this;
    if (database === null) return;
    remember(countKey(this.canvas), String(this.list.value.length));
    try {
      await action(database);
    } catch {
      toast(texts.value.templates.notKept, "warning");
    }
  }
}

interface Compared {
  readonly comparison: Comparison;
  readonly scale: number;
  readonly palette: string;
  /** Where it was compared last. */
  place: string;
}

/** Sorts by when it was made. */
function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return [Date.now(), ...random].map((part) => part.toString(36).padStart(9, "0")).join("-");
}

/** The whole number next to `start` that keeps a `length` within the canvas, if it fits. */
function inside(start: number, length: number, whole: number): number {
  return Math.max(Math.min(Math.round(start), whole - length), 0);
}

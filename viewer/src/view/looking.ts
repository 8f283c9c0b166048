/** What is asked for of the canvas: what the camera shows, and what it comes to next. */
import { permalink } from "../address";
import type { Client } from "../canvas/client";
import { sameBox } from "../canvas/geometry";
import type { View } from "../canvas/store";
import { dataSaver } from "../state";
import type { Backdrop } from "./backdrop";
import type { Camera } from "./camera";
import { Travel } from "./travel";

const VIEW_INTERVAL_MS = 50;
/** So long after its last move the view rests. */
const REST_DELAY_MS = 250;

export class Looking {
  private readonly travel = new Travel();
  private sentView: View | null = null;
  private viewTimer: ReturnType<typeof setTimeout> | undefined;
  private restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly camera: Camera,
    private readonly client: Client,
    private readonly backdrop: Backdrop,
  ) {
    dataSaver.subscribe(() => this.moved());
  }

  /** The view that the camera asks for now; null before WELCOME, or if it sees no canvas. */
  get view(): View | null {
    const info = this.client.info.value;
    if (info === null) return null;
    const saving = dataSaver.value;
    return this.camera.view(info.levels, info.limits.max_viewport_tiles, {
      ahead: saving ? [0, 0] : this.travel.ahead(this.camera),
      margin: !saving,
    });
  }

  /** Whether every tile of what the camera shows was asked for and is there. */
  get loaded(): boolean {
    const { store } = this.client;
    return sameView(this.view, store.view) && store.loaded;
  }

  /** The camera shows something else. */
  moved(): void {
    this.travel.moved(this.camera);
    if (this.client.info.value === null) return;
    this.viewTimer ??= setTimeout(() => {
      this.viewTimer = undefined;
      this.look();
    }, VIEW_INTERVAL_MS);
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.rested(), REST_DELAY_MS);
  }

  /** A connection begins: its server knows of no view. */
  begin(): void {
    this.sentView = null;
    this.look();
  }

  private look(): void {
    const { sentView: last, view } = this;
    if (view === null || !this.client.connection.live) return;
    if (sameView(last, view)) return;
    this.sentView = view;
    this.client.look(view);
  }

  /** The view stands still: what lay in its way needn't be sent any more. */
  private rested(): void {
    const hash = permalink(this.camera);
    if (hash !== location.hash) history.replaceState(history.state, "", hash);
    this.look();
    const { view } = this;
    const fetches = this.client.connection.live && !dataSaver.value;
    if (view && fetches) this.backdrop.look(this.camera, view.level);
  }
}

function sameView(a: View | null, b: View | null): boolean {
  return a !== null && b !== null && a.level === b.level && sameBox(a.tiles, b.tiles);
}

/** What people do together here: following, who painted what, where it happens; and its keys. */

import { addCommands } from "../commands";
import { announcement, hovered, showsCursor, togglePanel } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { Heat } from "./activity";
import { Flight } from "./flight";
import { Following } from "./following";
import { HeatLayer } from "./heat";
import { Inspection } from "./inspect";

export class Together {
  readonly following: Following;
  readonly inspection: Inspection;
  readonly heat: Heat;
  private readonly flight: Flight;

  constructor(private readonly viewer: Viewer) {
    const stillMotion = matchMedia("(prefers-reduced-motion: reduce)");
    this.flight = new Flight(viewer, () => stillMotion.matches);
    this.following = new Following(viewer.client, viewer, this.flight);
    this.inspection = new Inspection(viewer);
    this.heat = new Heat(viewer, this.flight);
    viewer.overlay.layers.push(new HeatLayer(this.heat));
    showsCursor.subscribe((shows) => {
      if (!shows) viewer.client.point(null, 0);
    });
    window.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.cancel();
    });
  }

  /** The view moved. */
  moved(): void {
    if (!this.flight.moving) this.flight.stop();
    this.following.moved();
    this.inspection.moved();
  }

  /** Looks closely at the pixel cursor's pixel, or the one in the middle. */
  inspect(): void {
    const { camera, client } = this.viewer;
    const { width, height } = client.size;
    if (width === 0) return;
    const x = Math.min(Math.floor(camera.x), width - 1);
    const y = Math.min(Math.floor(camera.y), height - 1);
    this.inspection.toggle(hovered.peek() ?? [x, y]);
  }

  /** Goes where most happens. */
  jump(): void {
    this.following.stop();
    void this.heat.jump();
  }

  private cancel(): void {
    this.inspection.close();
    this.following.stop();
    this.flight.stop();
  }
}

/** The keys for all of it. */
export function addTogetherCommands({ together }: Viewer): void {
  addCommands(
    { id: "people", keys: ["Shift+p"], run: () => togglePanel("people") },
    { id: "whoPainted", keys: ["w"], run: () => together.inspect() },
    { id: "heat", keys: ["Shift+h"], run: () => together.heat.toggle() },
    { id: "jump", keys: ["Shift+j"], run: () => together.jump() },
    { id: "cursor", keys: ["Shift+c"], run: toggleCursor },
  );
}

function toggleCursor(): void {
  showsCursor.value = !showsCursor.peek();
  const said = texts.peek().people;
  announcement.value = showsCursor.peek() ? said.cursorShown : said.cursorHidden;
}

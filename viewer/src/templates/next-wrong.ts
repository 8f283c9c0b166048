/** Leads from one pixel that isn't as the template has it to the next, with its colour in hand. */
import { nameOf } from "../canvas/colour";
import { COORDINATE_MAX } from "../canvas/geometry";
import { unpackColour } from "../canvas/raster";
import { guide } from "../mode";
import { announcement, chooseColour, chooseTool, hovered, panelOpen, tool } from "../state";
import { number, texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import type { Comparison } from "./comparison";
import type { Templates } from "./templates";

/** A pixel must be large enough to be seen and hit. */
const ZOOM_MIN = 12;
const CATCH_UP_MS = 50;
const TOPIC = "next wrong";

interface Found {
  readonly x: number;
  readonly y: number;
  readonly comparison: Comparison;
}

export class NextWrong {
  /** Those shown since all were: pressing the key again goes on instead of back and forth. */
  private readonly visited = new Set<number>();

  constructor(
    private readonly templates: Templates,
    private readonly viewer: Viewer,
  ) {}

  show(): void {
    const comparisons = this.templates.shown.map(([, comparison]) => comparison);
    const said = texts.value.templates;
    if (comparisons.length === 0) {
      toast(said.noneShown, "info", TOPIC);
      return;
    }
    // A pixel painted just now may not be compared yet.
    this.templates.work(CATCH_UP_MS);
    const found = this.find(comparisons) ?? this.findAgain(comparisons);
    if (found === null) {
      const complete = comparisons.every(({ progress: { total, right } }) => right === total);
      toast(complete ? said.allRight : said.noneWrongSeen, "info", TOPIC);
      guide.value = null;
      return;
    }
    const { x, y, comparison } = found;
    this.visited.add(keyOf(x, y));
    const colour = unpackColour(comparison.target(x, y));
    chooseColour(colour);
    if (this.viewer.mayPaint && (tool.value === "pan" || tool.value === "eyedropper")) {
      chooseTool("pencil");
    }
    // What it leads to must not lie under the panel.
    panelOpen.value = null;
    this.viewer.pointAt(x, y, ZOOM_MIN);
    const text = () => texts.value.templates.paintHere(x, y, nameOf(colour), number(this.wrong));
    announcement.value = text();
    guide.value = { text, next: () => this.show() };
  }

  /** How many wrong pixels have been seen, as last told. */
  private get wrong(): number {
    const all = [...this.templates.progress.value.values()];
    return all.reduce((sum, { wrong }) => sum + wrong, 0);
  }

  private findAgain(comparisons: readonly Comparison[]): Found | null {
    if (this.visited.size === 0) return null;
    const last = [...this.visited].slice(-1);
    this.visited.clear();
    // The one that is shown already only if there is no other.
    for (const key of last) this.visited.add(key);
    const other = this.find(comparisons);
    if (other) return other;
    this.visited.clear();
    return this.find(comparisons);
  }

  private find(comparisons: readonly Comparison[]): Found | null {
    const { camera, client } = this.viewer;
    const [fromX, fromY] = hovered.value ?? [Math.floor(camera.x), Math.floor(camera.y)];
    let best: Found | null = null;
    let least = Infinity;
    for (const comparison of comparisons) {
      const found = comparison.nearestWrong(fromX, fromY, (x, y) => {
        if (this.visited.has(keyOf(x, y))) return false;
        // It may be painted already and only not be back from the server.
        return client.pending.pixel(x, y, client.size) !== comparison.target(x, y);
      });
      if (found === null) continue;
      const [x, y] = found;
      const away = (x - fromX) ** 2 + (y - fromY) ** 2;
      if (away >= least) continue;
      least = away;
      best = { x, y, comparison };
    }
    return best;
  }
}

function keyOf(x: number, y: number): number {
  return y * (COORDINATE_MAX + 1) + x;
}

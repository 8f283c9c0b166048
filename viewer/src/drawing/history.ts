/**
 * Undo and redo of one's own work.
 *
 * Of each gesture the pixels before and after it are kept, as far as single pixels were shown.
 * Taking it back paints what was there before, only where the canvas still shows what the gesture
 * made of it: what others painted since stays.
 */
import { signal } from "@preact/signals";
import { type Box, intersect, TILE, tileKey, tilesOf } from "../canvas/geometry";
import type { Entry } from "../canvas/outbox";
import { boundsOf, type Drawing, paint, type Surface } from "../canvas/raster";
import { boxOf, type Shown, shownTile } from "../canvas/snapshot";

const STEPS_MAX = 64;
const BYTES_MAX = 16 * 2 ** 20;

/** A part of one tile; both have 0 where the gesture painted nothing. */
interface Area {
  readonly place: Omit<Surface, "pixels">;
  readonly before: Uint32Array;
  readonly after: Uint32Array;
}

/** One gesture. */
export interface Step {
  /** By tile. */
  areas: Map<number, Area>;
  /** Some of it was painted where no single pixels were shown. */
  partial: boolean;
  /** What was last sent of it; if all of these are refused it never happened. */
  readonly entries: Entry[];
  /** Where it came from, and goes back to if what was sent is refused; null: it is new. */
  readonly origin: Step[] | null;
}

/** What taking back or repeating came to. */
export type Reversal =
  | { readonly name: "nothing" }
  /** The step has no pixels at all: it was painted where none were shown. */
  | { readonly name: "unknown" }
  /** It is out of view. */
  | { readonly name: "away"; readonly place: Box }
  /** The drawings couldn't be sent. */
  | { readonly name: "refused" }
  | {
      readonly name: "done";
      readonly painted: number;
      /** Pixels left out because others painted them since. */
      readonly kept: number;
      /** Some of it wasn't shown as single pixels, now or when it was painted. */
      readonly partial: boolean;
      /** It was more than can be drawn at once: the rest is the next step. */
      readonly unfinished: boolean;
    };

/** What a drawing is about to overwrite. */
export type Overwritten = ReadonlyMap<number, Area>;

/** What was drawn of some surfaces: the first so many of them. */
export interface Redrawn {
  readonly surfaces: number;
  readonly entries: readonly Entry[];
}

/** Draws these, or as many of the first as can be; null: none. */
export type DrawSurfaces = (surfaces: readonly Surface[]) => Redrawn | null;

export class History {
  readonly canUndo = signal(false);
  readonly canRedo = signal(false);
  private readonly done: Step[] = [];
  private readonly undone: Step[] = [];

  constructor(
    private readonly shown: Shown,
    private readonly stepsMax = STEPS_MAX,
    private readonly bytesMax = BYTES_MAX,
  ) {}

  /** A gesture begins; it counts from its first drawing. */
  begin(): Step {
    return { areas: new Map(), partial: false, entries: [], origin: null };
  }

  /** What a drawing will overwrite: to be asked before it is drawn. */
  overwritten(drawing: Drawing): Overwritten {
    const { size, store } = this.shown;
    const areas = new Map<number, Area>();
    const { view } = store;
    const bounds = boundsOf(drawing, size);
    if (bounds === null || view === null || view.level !== 0) return areas;
    const tiles = intersect(tilesOf(bounds, 0), view.tiles);
    if (tiles === null) return areas;
    for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
      for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
        const place = { x0: tx * TILE, y0: ty * TILE, width: TILE, height: TILE };
        const after = new Uint32Array(TILE * TILE);
        if (!paint(drawing, { ...place, pixels: after }, size)) continue;
        const before = shownTile(this.shown, tx, ty);
        if (before === null) continue;
        for (let i = 0; i < after.length; i++) if (after[i] === 0) before[i] = 0;
        areas.set(tileKey(0, tx, ty), { place, before, after });
      }
    }
    return areas;
  }

  /** A drawing of the gesture was sent. `tiles`: how many it touched, loaded or not. */
  add(step: Step, overwritten: Overwritten, entry: Entry, tiles: number): void {
    if (step.entries.length === 0) {
      this.done.push(step);
      this.undone.length = 0;
    }
    step.entries.push(entry);
    step.partial ||= overwritten.size < tiles;
    for (const [key, { before, after, place }] of overwritten) {
      const held = step.areas.get(key);
      if (held === undefined) {
        step.areas.set(key, { before, after, place });
        continue;
      }
      for (let i = 0; i < after.length; i++) {
        if (after[i] === 0) continue;
        held.after[i] = after[i];
        // What an earlier piece of the same gesture painted is no state to go back to.
        if (held.before[i] === 0) held.before[i] = before[i];
      }
    }
    this.tell();
  }

  /** The gesture has ended. Returns false if it is too large to be kept. */
  end(step: Step): boolean {
    if (!this.done.includes(step)) return true;
    step.areas = new Map([...step.areas].flatMap(([key, area]) => cropped(key, area)));
    while (this.done.length > this.stepsMax) this.done.shift();
    while (this.done.length > 0 && bytesOf([...this.done, ...this.undone]) > this.bytesMax) {
      this.done.shift();
    }
    this.tell();
    return this.done.includes(step);
  }

  undo(draw: DrawSurfaces): Reversal {
    this.forgetRefused();
    return this.reverse(this.done, this.undone, draw, ({ before, after }) => [after, before]);
  }

  redo(draw: DrawSurfaces): Reversal {
    this.forgetRefused();
    return this.reverse(this.undone, this.done, draw, ({ before, after }) => [before, after]);
  }

  /** Paints what is to be there where what is expected is shown. */
  private reverse(
    from: Step[],
    to: Step[],
    draw: DrawSurfaces,
    sides: (area: Area) => readonly [expected: Uint32Array, wanted: Uint32Array],
  ): Reversal {
    const step = from.at(-1);
    if (step === undefined) return { name: "nothing" };
    if (step.areas.size === 0) {
      from.pop();
      this.tell();
      return { name: step.partial ? "unknown" : "nothing" };
    }
    const reached: (readonly [key: number, area: Area])[] = [];
    const surfaces: Surface[] = [];
    const counts: { painted: number; kept: number }[] = [];
    for (const [key, area] of step.areas) {
      const shown = this.shownOf(area);
      if (shown === null) continue;
      reached.push([key, area]);
      const count = { painted: 0, kept: 0 };
      const [expected, wanted] = sides(area);
      const pixels = new Uint32Array(wanted.length);
      for (let i = 0; i < wanted.length; i++) {
        if (wanted[i] === 0 || wanted[i] === shown[i]) continue;
        if (shown[i] === expected[i]) {
          pixels[i] = wanted[i];
          count.painted++;
        } else count.kept++;
      }
      surfaces.push({ ...area.place, pixels });
      counts.push(count);
    }
    if (reached.length === 0) return { name: "away", place: placeOf(step) };
    const redrawn = draw(surfaces);
    if (redrawn === null) return { name: "refused" };
    from.pop();
    const areas = new Map(reached.slice(0, redrawn.surfaces));
    const rest = new Map([...step.areas].filter(([key]) => !areas.has(key)));
    if (rest.size > 0) from.push({ ...step, areas: rest });
    to.push({ areas, partial: step.partial, entries: [...redrawn.entries], origin: from });
    this.tell();
    const drawn = counts.slice(0, redrawn.surfaces);
    return {
      name: "done",
      painted: drawn.reduce((sum, { painted }) => sum + painted, 0),
      kept: drawn.reduce((sum, { kept }) => sum + kept, 0),
      partial: step.partial || reached.length < step.areas.size,
      unfinished: redrawn.surfaces < surfaces.length,
    };
  }

  private shownOf({ place, before }: Area): Uint32Array | null {
    const { x0: tx, y0: ty } = tilesOf(boxOf({ ...place, pixels: before }), 0);
    const tile = shownTile(this.shown, tx, ty);
    return tile && crop(tile, TILE, place.x0 - tx * TILE, place.y0 - ty * TILE, place);
  }

  /** What was refused as a whole never happened: it goes back to where it was. */
  private forgetRefused(): void {
    for (const stack of [this.done, this.undone]) {
      for (const step of [...stack].reverse()) {
        const { entries, origin } = step;
        if (entries.length === 0 || !entries.every(({ rejected }) => rejected)) continue;
        stack.splice(stack.indexOf(step), 1);
        origin?.push({ ...step, entries: [], origin: null });
      }
    }
    this.tell();
  }

  private tell(): void {
    this.canUndo.value = this.done.length > 0;
    this.canRedo.value = this.undone.length > 0;
  }
}

/** An area without the rows and columns that nothing was painted on or changed in. */
function cropped(key: number, { place, before, after }: Area): [number, Area][] {
  let [x0, y0, x1, y1] = [TILE, TILE, -1, -1];
  for (let i = 0; i < before.length; i++) {
    if (before[i] === after[i]) continue;
    const x = i % place.width;
    const y = Math.floor(i / place.width);
    x0 = Math.min(x0, x);
    x1 = Math.max(x1, x);
    y0 = Math.min(y0, y);
    y1 = Math.max(y1, y);
  }
  if (x1 < 0) return [];
  const size = { width: x1 - x0 + 1, height: y1 - y0 + 1 };
  const area = {
    place: { x0: place.x0 + x0, y0: place.y0 + y0, ...size },
    before: crop(before, place.width, x0, y0, size),
    after: crop(after, place.width, x0, y0, size),
  };
  return [[key, area]];
}

function crop(
  pixels: Uint32Array,
  stride: number,
  x0: number,
  y0: number,
  { width, height }: { readonly width: number; readonly height: number },
): Uint32Array {
  const part = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (y0 + y) * stride + x0;
    part.set(pixels.subarray(from, from + width), y * width);
  }
  return part;
}

function placeOf(step: Step): Box {
  const [first] = step.areas.values();
  return boxOf({ ...first.place, pixels: first.before });
}

function bytesOf(steps: readonly Step[]): number {
  let bytes = 0;
  for (const { areas } of steps) {
    for (const { before, after } of areas.values()) bytes += before.byteLength + after.byteLength;
  }
  return bytes;
}

/** Places of a canvas that a person wants to find again; this browser keeps them. */
import { type Signal, signal } from "@preact/signals";
import type { Place } from "../address";
import { recall, remember } from "../storage";

export interface Bookmark extends Place {
  readonly name: string;
}

export const BOOKMARKS_MAX = 200;
export const NAME_MAX = 80;

/** The bookmarks of one canvas, in the order in which they were made. */
export class Bookmarks {
  readonly all: Signal<readonly Bookmark[]>;
  private readonly key: string;

  constructor(canvas: string) {
    this.key = `places.${canvas}`;
    this.all = signal(read(recall(this.key)));
    // Another tab changed them.
    window.addEventListener("storage", ({ key }) => {
      if (key === `tilecast.${this.key}`) this.all.value = read(recall(this.key));
    });
  }

  get full(): boolean {
    return this.all.value.length >= BOOKMARKS_MAX;
  }

  /** The bookmark of a place; one is made unless there is one, or no room. */
  add(name: string, { x, y, zoom }: Place): Bookmark | null {
    const place = { x: round(x, 1), y: round(y, 1), zoom: round(zoom, 3) };
    const known = this.all.value.find((each) => samePlace(each, place));
    if (known || this.full) return known ?? null;
    const added = { name: clean(name), ...place };
    this.keep([...this.all.value, added]);
    return added;
  }

  /** An empty name changes nothing. Returns what the bookmark is now. */
  rename(bookmark: Bookmark, name: string): Bookmark {
    if (clean(name) === "") return bookmark;
    const renamed = { ...bookmark, name: clean(name) };
    this.keep(this.all.value.map((each) => (each === bookmark ? renamed : each)));
    return renamed;
  }

  remove(bookmark: Bookmark): void {
    this.keep(this.all.value.filter((each) => each !== bookmark));
  }

  /** Puts one that was removed where it was. */
  restore(bookmark: Bookmark, index: number): void {
    const { value: all } = this.all;
    this.keep([...all.slice(0, index), bookmark, ...all.slice(index)]);
  }

  private keep(bookmarks: readonly Bookmark[]): void {
    this.all.value = bookmarks;
    remember(this.key, JSON.stringify(bookmarks));
  }
}

/** What was kept; anything else in it is left out. */
function read(text: string | null): readonly Bookmark[] {
  let kept: unknown;
  try {
    kept = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  return Array.isArray(kept) ? kept.filter(isBookmark).slice(0, BOOKMARKS_MAX) : [];
}

function isBookmark(value: unknown): value is Bookmark {
  if (typeof value !== "object" || value === null) return false;
  const { name, x, y, zoom } = value as Partial<Bookmark>;
  const numbers = [x, y, zoom].every((number) => Number.isFinite(number));
  return typeof name === "string" && numbers && (zoom ?? 0) > 0;
}

function samePlace(a: Place, b: Place): boolean {
  return a.x === b.x && a.y === b.y && a.zoom === b.zoom;
}

function clean(name: string): string {
  return name.trim().replace(/\s+/g, " ").slice(0, NAME_MAX);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

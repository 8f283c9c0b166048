/** Where things are: the server's addresses for this page, and the permalink in its hash. */
import type { Box } from "./canvas/geometry";

/** Which canvas the page shows: named by its path, or the server's default one. */
export interface PageAddress {
  /** What stands before `/c/…` and `/api/…`: empty, or the sub-path that the server is under. */
  readonly root: string;
  /** As it stands in the path; null at the server's index. */
  readonly canvas: string | null;
}

export function readPageAddress(pathname: string): PageAddress {
  const match = /^(.*)\/c\/([^/]+)\/?$/.exec(pathname);
  if (match) return { root: match[1], canvas: match[2] };
  return { root: pathname.replace(/\/(index\.html)?$/, ""), canvas: null };
}

export function socketUrl(
  location: Pick<Location, "protocol" | "host">,
  root: string,
  canvas: string,
): string {
  const protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return `${protocol}//${location.host}${root}/c/${canvas}/ws`;
}

/** What all of a canvas's HTTP addresses begin with, from that of its socket: `https://…/c/main`. */
export function canvasUrl(socket: string): string {
  return socket.replace(/^ws(s?:.*)\/ws$/, "http$1");
}

/** A rectangle of a canvas as PNG; the scale is 1, 2, … or 1/2, 1/4, …. */
export function regionUrl(canvas: string, { x0, y0, x1, y1 }: Box, scale = "1"): string {
  const query = new URLSearchParams({ x0: `${x0}`, y0: `${y0}`, x1: `${x1}`, y1: `${y1}`, scale });
  return `${canvas}/region.png?${query}`;
}

/** Whether the page is to be part of another one: without panels, to be looked at. */
export function isEmbedded(search: string): boolean {
  return new URLSearchParams(search).get("embed") === "1";
}

/** The name of the server's default canvas, as it stands in a path. */
export async function defaultCanvas(root: string): Promise<string> {
  const answer = await fetch(`${root}/api/canvases`, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const { default: name } = (await answer.json()) as { default?: unknown };
  if (typeof name !== "string") throw new Error("the server names no default canvas");
  return encodeURIComponent(name);
}

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** Reads `#x,y,zoom`: the canvas point in the middle and screen pixels for each canvas pixel. */
export function readPermalink(hash: string): Place | null {
  // What a link brings besides stands after the place.
  const [place] = hash.replace(/^#/, "").split(";", 1);
  const numbers = place.split(",").map(Number);
  const [x, y, zoom = 1] = numbers;
  if (numbers.length < 2 || numbers.length > 3 || !numbers.every(Number.isFinite)) return null;
  return zoom > 0 ? { x, y, zoom } : null;
}

/** What somebody who wants to go somewhere typed or pasted. */
export type Destination =
  /** A pixel; the zoom is left to whoever goes there. */
  | { readonly kind: "pixel"; readonly x: number; readonly y: number }
  | { readonly kind: "place"; readonly place: Place }
  /** Another canvas of this server, or a place with what a link brings besides. */
  | { readonly kind: "link"; readonly url: string };

const NUMBER = /-?\d+(?:\.\d+)?/g;

/**
 * Reads "123, 456", "123 456 8" (with a zoom), "#123,456,8", or the address of a place.
 *
 * `here` is the page's own address. Null: it is none of these, or another server's.
 */
export function readDestination(text: string, here: string): Destination | null {
  const trimmed = text.trim();
  if (/^https?:/i.test(trimmed)) return readLink(trimmed, here);
  if (trimmed.startsWith("#")) {
    const place = readPermalink(trimmed);
    return place && { kind: "place", place };
  }
  const numbers = trimmed.match(NUMBER)?.map(Number) ?? [];
  const [x, y, zoom] = numbers;
  if (numbers.length === 2) return { kind: "pixel", x: Math.floor(x), y: Math.floor(y) };
  return numbers.length === 3 && zoom > 0 ? { kind: "place", place: { x, y, zoom } } : null;
}

function readLink(text: string, here: string): Destination | null {
  const page = new URL(here);
  let link: URL;
  try {
    link = new URL(text);
  } catch {
    return null;
  }
  const [from, to] = [readPageAddress(page.pathname), readPageAddress(link.pathname)];
  if (link.origin !== page.origin || to.root !== from.root) return null;
  if (to.canvas !== from.canvas || link.hash.includes(";")) return { kind: "link", url: link.href };
  const place = readPermalink(link.hash);
  return place && { kind: "place", place };
}

export function permalink({ x, y, zoom }: Place): string {
  return `#${round(x, 1)},${round(y, 1)},${round(zoom, 3)}`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

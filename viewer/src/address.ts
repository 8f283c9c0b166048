/** Where things are: the server's addresses for this page, and the permalink in its hash. */

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
  const numbers = hash.replace(/^#/, "").split(",").map(Number);
  const [x, y, zoom = 1] = numbers;
  if (numbers.length < 2 || numbers.length > 3 || !numbers.every(Number.isFinite)) return null;
  return zoom > 0 ? { x, y, zoom } : null;
}

export function permalink({ x, y, zoom }: Place): string {
  return `#${round(x, 1)},${round(y, 1)},${round(zoom, 3)}`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

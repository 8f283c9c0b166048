/** What a template shows within single pixels of the canvas when these are large on the screen. */
import { type Comparison, WRONG } from "./comparison";

/** Where each pixel of a part begins, in device pixels from that part's corner; the last one ends it. */
export interface Edges {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** The part's upper left pixel, in the template's pixels. */
export interface From {
  readonly x: number;
  readonly y: number;
}

/** Of a pixel's side, how much is its dot's. */
const DOT_SHARE = 0.42;
const BLACK = 0xff000000;
const WHITE = 0xffffffff;

/** A dot of its colour in the middle of each pixel. `out`: 0xAABBGGRR, all 0. */
export function drawDots(
  out: Uint32Array,
  edges: Edges,
  { targets, width }: Comparison,
  from: From,
): void {
  eachCell(edges, width, from, (index, left, top, side) => {
    const colour = targets[index];
    if (colour === 0) return;
    const dot = Math.max(Math.round(side * DOT_SHARE), 2);
    const inset = (side - dot) >> 1;
    for (let y = top + inset; y < top + inset + dot; y++) {
      const row = y * widthOf(edges) + left + inset;
      out.fill(colour, row, row + dot);
    }
  });
}

/** A ring of black and white within each pixel that is wrong: it is seen on any colour. */
export function drawMarks(
  out: Uint32Array,
  edges: Edges,
  { states, width }: Comparison,
  from: From,
): void {
  const whole = widthOf(edges);
  eachCell(edges, width, from, (index, left, top, side) => {
    if (states[index] !== WRONG) return;
    const line = Math.max(Math.round(side / 14), 1);
    const [first, last] = [1, side - 1];
    for (let y = first; y < last; y++) {
      const edgeRow = y < first + line || y >= last - line;
      for (let x = first; x < last; x++) {
        if (!edgeRow && x === first + line) x = last - line;
        const stripe = Math.floor((x + y) / (2 * line)) % 2 === 0;
        out[(top + y) * whole + left + x] = stripe ? BLACK : WHITE;
      }
    }
  });
}

function widthOf({ x }: Edges): number {
  return x[x.length - 1];
}

/** Visits each pixel: its index in the template, its corner and its lesser side on the screen. */
function eachCell(
  { x: xs, y: ys }: Edges,
  width: number,
  from: From,
  visit: (index: number, left: number, top: number, side: number) => void,
): void {
  for (let j = 0; j < ys.length - 1; j++) {
    const row = (from.y + j) * width + from.x;
    const height = ys[j + 1] - ys[j];
    for (let i = 0; i < xs.length - 1; i++) {
      visit(row + i, xs[i], ys[j], Math.min(xs[i + 1] - xs[i], height));
    }
  }
}

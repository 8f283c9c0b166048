/** Templates as pictures, one pixel for each of theirs, that follow what is known of them. */
import { type Box, intersect, TILE, tileKey, tilesOf, union } from "../canvas/geometry";
import { type Comparison, WRONG } from "./comparison";

/** Magenta, 0xAABBGGRR: what canvases show least. */
const MARK = 0xffc800ff;
const NOTHING: Box = { x0: 0, y0: 0, x1: -1, y1: -1 };

/** Dots or marks within the pixels on the screen. */
export interface CellPicture {
  readonly context: CanvasRenderingContext2D;
  /** What it shows and how; "" once that is no longer so. */
  key: string;
  /** The template's pixels that it shows. */
  box: Box;
}

export interface Pictures {
  /** The colours that should be there. */
  readonly image: CanvasRenderingContext2D;
  readonly dots: CellPicture;
  readonly rings: CellPicture;
  /** Where marks may be others than {@link Pictures.marks} shows, by tile. */
  readonly unmarked: Map<number, Box>;
  marks: CanvasRenderingContext2D | null;
}

export class TemplatePictures {
  /** Colours are known that {@link drawn} didn't show. */
  targetsChanged = false;
  /** Marks look different since {@link drawn}. */
  statesChanged = false;
  private readonly all = new WeakMap<Comparison, Pictures>();

  drawn(): void {
    this.targetsChanged = false;
    this.statesChanged = false;
  }

  of(comparison: Comparison): Pictures {
    const known = this.all.get(comparison);
    if (known) return known;
    const { width, height, targets } = comparison;
    const pictures: Pictures = {
      image: contextOf(width, height),
      dots: { context: contextOf(1, 1), key: "", box: NOTHING },
      rings: { context: contextOf(1, 1), key: "", box: NOTHING },
      unmarked: new Map(),
      marks: null,
    };
    this.all.set(comparison, pictures);
    const show = (y0: number, y1: number) => {
      this.targetsChanged = true;
      pictures.dots.key = "";
      const rows = new ImageData(width, y1 - y0 + 1);
      new Uint32Array(rows.data.buffer).set(targets.subarray(y0 * width, (y1 + 1) * width));
      pictures.image.putImageData(rows, 0, y0);
    };
    if (comparison.matched > 0) show(0, comparison.matched - 1);
    comparison.onTargets = show;
    comparison.onStates = (changed) => {
      this.statesChanged = true;
      if (intersect(changed, pictures.rings.box)) pictures.rings.key = "";
      if (pictures.marks) noteUnmarked(pictures.unmarked, changed);
    };
    return pictures;
  }

  /** A mark on each wrong pixel. */
  marksOf(comparison: Comparison): HTMLCanvasElement {
    const pictures = this.of(comparison);
    const { width, height } = comparison;
    if (pictures.marks === null) {
      pictures.marks = contextOf(width, height);
      putMarks(pictures.marks, comparison, { x0: 0, y0: 0, x1: width - 1, y1: height - 1 });
    }
    for (const box of pictures.unmarked.values()) putMarks(pictures.marks, comparison, box);
    pictures.unmarked.clear();
    return pictures.marks.canvas;
  }
}

export function contextOf(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no Canvas 2D");
  return context;
}

function noteUnmarked(unmarked: Map<number, Box>, changed: Box): void {
  const tiles = tilesOf(changed, 0);
  for (let ty = tiles.y0; ty <= tiles.y1; ty++) {
    for (let tx = tiles.x0; tx <= tiles.x1; tx++) {
      const [x0, y0] = [tx * TILE, ty * TILE];
      const part = intersect(changed, { x0, y0, x1: x0 + TILE - 1, y1: y0 + TILE - 1 });
      const key = tileKey(0, tx, ty);
      const known = unmarked.get(key);
      if (part) unmarked.set(key, known ? union(known, part) : part);
    }
  }
}

function putMarks(
  context: CanvasRenderingContext2D,
  { states, width }: Comparison,
  { x0, y0, x1, y1 }: Box,
): void {
  const data = new ImageData(x1 - x0 + 1, y1 - y0 + 1);
  const pixels = new Uint32Array(data.data.buffer);
  let at = 0;
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      if (states[y * width + x] === WRONG) pixels[at] = MARK;
      at++;
    }
  }
  context.putImageData(data, x0, y0);
}

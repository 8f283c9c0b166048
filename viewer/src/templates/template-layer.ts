/**
 * Templates over the canvas: as a whole, seen through, or from 8× on as a dot in the middle of each
 * pixel; and, if wanted, a mark on each pixel that isn't as it should be.
 *
 * They lie on a canvas element of their own below the overlay: as long as the view rests they are
 * not drawn again, however much is painted under them.
 */
import { type Box, intersect } from "../canvas/geometry";
import type { Layer, LayerScene } from "../view/layer";
import type { Comparison } from "./comparison";
import { areaOf, type Template } from "./template";
import { drawDots, drawMarks, type Edges, type From } from "./template-cells";
import { type CellPicture, contextOf, TemplatePictures } from "./template-pictures";
import type { Templates } from "./templates";

/** From here on a pixel is large enough for a dot in it. */
const CELLS_ZOOM_MIN = 8;
const MARK_OPACITY = 0.85;
/** Marks follow the canvas under a view that rests this soon. */
const REDRAW_MS = 200;

export class TemplateLayer implements Layer {
  readonly above = false;
  private readonly context = contextOf(1, 1);
  private readonly pictures = new TemplatePictures();
  /** What was drawn last, and how. */
  private drawn: readonly unknown[] = [];
  private drawnAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly templates: Templates) {
    const { canvas } = this.context;
    canvas.hidden = true;
    canvas.setAttribute("aria-hidden", "true");
  }

  draw({ canvas: overlay }: CanvasRenderingContext2D, scene: LayerScene): void {
    const { canvas } = this.context;
    const { list, shown, style, marksWrong, moving } = this.templates;
    // Before anything is worked out, so that nothing of it is missed.
    for (const [, comparison] of shown) this.pictures.of(comparison);
    this.templates.work();
    canvas.hidden = shown.length === 0;
    if (canvas.hidden) return;
    if (!canvas.isConnected) overlay.before(canvas);
    const { width, height } = overlay;
    const { x, y, zoom } = scene.camera;
    const wanted = [
      ...[x, y, zoom, width, height],
      ...[list.value, style.value, marksWrong.value, moving.value],
      ...shown.map(([, comparison]) => comparison),
    ];
    const rests =
      wanted.length === this.drawn.length && wanted.every((each, i) => each === this.drawn[i]);
    const now = performance.now();
    if (rests && !this.pictures.targetsChanged) {
      if (!marksWrong.value || !this.pictures.statesChanged) return;
      if (now - this.drawnAt < REDRAW_MS) {
        this.redrawLater();
        return;
      }
    }
    this.drawn = wanted;
    this.drawnAt = now;
    this.pictures.drawn();
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    } else {
      this.context.globalAlpha = 1;
      this.context.clearRect(0, 0, width, height);
    }
    for (const [template, comparison] of shown) this.drawTemplate(scene, template, comparison);
  }

  private redrawLater(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.templates.viewer.requestFrame();
    }, REDRAW_MS);
  }

  private drawTemplate(scene: LayerScene, template: Template, comparison: Comparison): void {
    const { style, marksWrong, moving } = this.templates;
    const box = intersect(areaOf(template), scene.seen);
    if (box === null) return;
    const { context } = this;
    const pictures = this.pictures.of(comparison);
    const cells = scene.camera.zoom >= CELLS_ZOOM_MIN;
    if (cells && style.value === "dots") {
      this.drawCells(scene, box, template, pictures.dots, (out, edges, from) =>
        drawDots(out, edges, comparison, from),
      );
    } else {
      context.globalAlpha = template.opacity;
      drawPart(context, scene, box, template, pictures.image.canvas);
    }
    // What is being moved isn't compared.
    if (!marksWrong.value || moving.value === template.id) return;
    if (cells) {
      this.drawCells(scene, box, template, pictures.rings, (out, edges, from) =>
        drawMarks(out, edges, comparison, from),
      );
    } else {
      context.globalAlpha = MARK_OPACITY;
      drawPart(context, scene, box, template, this.pictures.marksOf(comparison));
    }
  }

  /** Draws what lies within the pixels that are seen: `draw` fills 0xAABBGGRR, all 0 before. */
  private drawCells(
    { camera, place }: LayerScene,
    box: Box,
    template: Template,
    picture: CellPicture,
    draw: (out: Uint32Array, edges: Edges, from: From) => void,
  ): void {
    const left = place.x(box.x0);
    const top = place.y(box.y0);
    const edges = {
      x: Array.from({ length: box.x1 - box.x0 + 2 }, (_, i) => place.x(box.x0 + i) - left),
      y: Array.from({ length: box.y1 - box.y0 + 2 }, (_, i) => place.y(box.y0 + i) - top),
    };
    const [x0, y0] = [box.x0 - template.x, box.y0 - template.y];
    const [width, height] = [edges.x.at(-1) ?? 0, edges.y.at(-1) ?? 0];
    const key = [x0, y0, width, height, camera.zoom * camera.pixelRatio].join();
    if (picture.key !== key) {
      picture.key = key;
      picture.box = { x0, y0, x1: box.x1 - template.x, y1: box.y1 - template.y };
      const { canvas } = picture.context;
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      const data = new ImageData(width, height);
      draw(new Uint32Array(data.data.buffer), edges, { x: x0, y: y0 });
      picture.context.putImageData(data, 0, 0);
    }
    this.context.globalAlpha = 1;
    this.context.drawImage(picture.context.canvas, left, top);
  }
}

function drawPart(
  context: CanvasRenderingContext2D,
  { camera, place }: LayerScene,
  box: Box,
  { x, y }: Template,
  picture: HTMLCanvasElement,
): void {
  const [left, top] = [place.x(box.x0), place.y(box.y0)];
  const [right, bottom] = [place.x(box.x1 + 1), place.y(box.y1 + 1)];
  context.imageSmoothingEnabled = camera.zoom * camera.pixelRatio < 1;
  context.drawImage(
    picture,
    box.x0 - x,
    box.y0 - y,
    box.x1 - box.x0 + 1,
    box.y1 - box.y0 + 1,
    left,
    top,
    right - left,
    bottom - top,
  );
}

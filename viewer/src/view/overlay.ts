/** What lies above the canvas: grid, previews, the brush's outline, other people's pointers. */

import { isLight } from "../canvas/colour";
import { type Box, canvasBox } from "../canvas/geometry";
import type { Peers, Pointer } from "../canvas/peers";
import { type Drawing, discRows, eachRun } from "../canvas/raster";
import { showsGrid } from "../state";
import { texts } from "../texts";
import type { Camera } from "./camera";
import type { Layer } from "./layer";
import { Placement } from "./placement";

const GRID_ZOOM_MIN = 8;
const LABEL_FONT = "500 12px system-ui, sans-serif";
/** The arrow of a pointer, its tip at (0, 0). */
const ARROW = "M0 0 L0 16.5 L4.4 12.9 L7.3 19.3 L10.2 18 L7.4 11.8 L13 11.4 Z";

/** The disc that would be stamped at pixel (x, y). */
export interface BrushOutline {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export interface OverlayScene {
  readonly camera: Camera;
  readonly peers: Peers;
  readonly preview: Drawing | null;
  readonly brush: BrushOutline | null;
  /** The keyboard's pixel cursor. */
  readonly pixelCursor: readonly [x: number, y: number] | null;
}

export class Overlay {
  /** What other parts of the viewer show, in the order in which it is drawn. */
  readonly layers: Layer[] = [];
  private readonly context: CanvasRenderingContext2D;
  private readonly arrow = new Path2D(ARROW);

  constructor(private readonly element: HTMLCanvasElement) {
    const context = element.getContext("2d");
    if (context === null) throw new Error("this browser has no Canvas 2D");
    this.context = context;
  }

  resize(camera: Camera): void {
    this.element.width = Math.round(camera.screen.width * camera.pixelRatio);
    this.element.height = Math.round(camera.screen.height * camera.pixelRatio);
  }

  draw(scene: OverlayScene): void {
    const { context } = this;
    const { camera, preview, brush, pixelCursor } = scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.element.width, this.element.height);
    const seen = camera.visible();
    if (seen === null) return;
    const place = new Placement(camera);
    const drawLayers = (above: boolean) => {
      for (const layer of this.layers) {
        if (layer.above !== above) continue;
        context.save();
        layer.draw(context, { camera, seen, place });
        context.restore();
      }
    };
    drawLayers(false);
    if (preview) this.drawPreview(preview, seen, place);
    if (showsGrid.value && camera.zoom >= GRID_ZOOM_MIN) this.drawGrid(seen, place, camera.zoom);
    this.drawEdge(place, camera);
    drawLayers(true);
    if (brush) this.drawBrush(brush, place);
    if (pixelCursor) this.drawBrush({ x: pixelCursor[0], y: pixelCursor[1], size: 1 }, place, true);
    context.setTransform(camera.pixelRatio, 0, 0, camera.pixelRatio, 0, 0);
    for (const pointer of scene.peers.pointers) this.drawPointer(pointer, camera);
  }

  private drawPreview(drawing: Drawing, seen: Box, place: Placement): void {
    if (drawing.type === "Patch") return;
    const { context } = this;
    context.fillStyle = `rgb(${drawing.r},${drawing.g},${drawing.b})`;
    eachRun(drawing, seen, (y, x0, x1) => {
      const left = place.x(x0);
      const top = place.y(y);
      const width = Math.max(place.x(x1 + 1) - left, 1);
      context.fillRect(left, top, width, Math.max(place.y(y + 1) - top, 1));
    });
  }

  private drawGrid(seen: Box, place: Placement, zoom: number): void {
    const { context } = this;
    // It comes in softly instead of jumping at one zoom.
    context.globalAlpha = Math.min((zoom - GRID_ZOOM_MIN) / 8 + 0.35, 1);
    context.fillStyle = "rgba(127, 127, 127, 0.32)";
    const top = place.y(seen.y0);
    const bottom = place.y(seen.y1 + 1);
    const left = place.x(seen.x0);
    const right = place.x(seen.x1 + 1);
    for (let x = seen.x0; x <= seen.x1; x++) context.fillRect(place.x(x), top, 1, bottom - top);
    for (let y = seen.y0; y <= seen.y1; y++) context.fillRect(left, place.y(y), right - left, 1);
    context.globalAlpha = 1;
  }

  /** The canvas's edge, so that it is clear where painting ends whatever the colours are. */
  private drawEdge(place: Placement, camera: Camera): void {
    const { context } = this;
    const { x1, y1 } = canvasBox(camera.canvas);
    const [left, top] = [place.x(0), place.y(0)];
    context.strokeStyle = "rgba(100, 105, 120, 0.75)";
    context.lineWidth = Math.max(1, Math.round(camera.pixelRatio));
    const half = context.lineWidth / 2;
    context.strokeRect(
      left - half,
      top - half,
      place.x(x1 + 1) - left + 2 * half,
      place.y(y1 + 1) - top + 2 * half,
    );
  }

  /** The exact outline of a disc: light on dark, to be seen on any colour. */
  private drawBrush({ x, y, size }: BrushOutline, place: Placement, strong = false): void {
    const { context } = this;
    const left = x - (size >> 1);
    const top = y - (size >> 1);
    const rows = discRows(size);
    context.beginPath();
    for (const [j, [, last]] of rows.entries()) {
      context.lineTo(place.x(left + last + 1), place.y(top + j));
      context.lineTo(place.x(left + last + 1), place.y(top + j + 1));
    }
    for (let j = size - 1; j >= 0; j--) {
      context.lineTo(place.x(left + rows[j][0]), place.y(top + j + 1));
      context.lineTo(place.x(left + rows[j][0]), place.y(top + j));
    }
    context.closePath();
    const ratio = place.ratio;
    context.lineWidth = (strong ? 4 : 3) * ratio;
    context.strokeStyle = strong ? "rgba(0, 0, 0, 0.9)" : "rgba(0, 0, 0, 0.45)";
    context.stroke();
    context.lineWidth = (strong ? 2 : 1.25) * ratio;
    context.strokeStyle = "#fff";
    context.stroke();
  }

  private drawPointer({ person, shownX, shownY, painting }: Pointer, camera: Camera): void {
    const { context } = this;
    const [sx, sy] = camera.toScreen(shownX + 0.5, shownY + 0.5);
    const { width, height } = camera.screen;
    if (sx < -160 || sy < -40 || sx > width + 20 || sy > height + 20) return;
    const colour = `rgb(${person.colour.join(",")})`;
    context.save();
    context.translate(sx, sy);
    context.fillStyle = colour;
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.shadowColor = "rgba(0, 0, 0, 0.35)";
    context.shadowBlur = 4;
    context.fill(this.arrow);
    context.shadowBlur = 0;
    context.stroke(this.arrow);
    if (painting) {
      context.beginPath();
      context.arc(0, 0, 4, 0, Math.PI * 2);
      context.fill();
      context.stroke();
    }
    this.drawLabel(person.name || texts.value.common.guest, colour, isLight(person.colour));
    context.restore();
  }

  private drawLabel(text: string, colour: string, dark: boolean): void {
    const { context } = this;
    context.font = LABEL_FONT;
    const shown = text.length > 24 ? `${text.slice(0, 23)}…` : text;
    const width = context.measureText(shown).width + 14;
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(12, 18, width, 20, 6);
    context.fill();
    context.fillStyle = dark ? "#16181d" : "#fff";
    context.textBaseline = "middle";
    // Whatever the direction of the page: the label's middle is the text's.
    context.textAlign = "center";
    context.fillText(shown, 12 + width / 2, 28.5);
  }
}

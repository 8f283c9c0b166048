/** Puts a template where it belongs: by dragging, or with the arrow keys. */

import type { CanvasPoint, Gesture } from "../drawing/tools/tools";
import type { Mode } from "../mode";
import { mode } from "../mode";
import { announcement, panelOpen } from "../state";
import { texts } from "../texts";
import type { Template } from "./template";
import type { Templates } from "./templates";

export class PlaceMode implements Mode {
  private x: number;
  private y: number;

  private constructor(
    private readonly templates: Templates,
    private readonly before: Template,
  ) {
    this.x = before.x;
    this.y = before.y;
  }

  /** Begins placing a template; the panel makes way for the canvas. */
  static start(templates: Templates, template: Template): void {
    mode.value?.cancel();
    panelOpen.value = null;
    templates.moving.value = template.id;
    const placing = new PlaceMode(templates, template);
    mode.value = placing;
    announcement.value = placing.text();
    templates.viewer.focus();
  }

  text(): string {
    return texts.value.templates.placing(this.before.name);
  }

  begin([startX, startY]: CanvasPoint): Gesture {
    const { x: fromX, y: fromY } = this;
    return {
      move: (points) => {
        const [x, y] = points[points.length - 1];
        this.moveTo(fromX + Math.round(x - startX), fromY + Math.round(y - startY));
      },
      frame: () => {},
      end: () => this.announce(),
      cancel: () => this.moveTo(fromX, fromY),
    };
  }

  step(dx: number, dy: number): boolean {
    this.moveTo(this.x + dx, this.y + dy);
    this.announce();
    return true;
  }

  press(): void {
    this.done();
  }

  done(): void {
    this.end();
    panelOpen.value = "templates";
  }

  cancel(): void {
    this.moveTo(this.before.x, this.before.y);
    this.end();
  }

  private moveTo(x: number, y: number): void {
    if (x === this.x && y === this.y) return;
    this.x = x;
    this.y = y;
    this.templates.change(this.before.id, { x, y });
  }

  private announce(): void {
    announcement.value = texts.value.templates.at(this.x, this.y);
  }

  private end(): void {
    mode.value = null;
    this.templates.moving.value = null;
  }
}

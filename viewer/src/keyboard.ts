/** Keys: tools, zoom, and a pixel cursor for painting without a pointer. */

import { SIZE_MAX } from "./canvas/raster";
import { addCommands, commandOf } from "./commands";
import { TOOLS } from "./drawing/tools/tools";
import { mode } from "./mode";
import {
  brushSize,
  chooseTool,
  paletteFolded,
  panelOpen,
  toggleColourPicker,
  togglePanel,
  tool,
} from "./state";

const PAN_STEP_PX = 80;
const FAR = 10;
export const ZOOM_STEP = 1.5;
/** Fields that nothing is typed in. */
const UNTYPED = ["range", "color", "checkbox", "radio"];

const ARROWS: Record<string, readonly [dx: number, dy: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface KeyTarget {
  glideBy(dx: number, dy: number): void;
  zoomBy(factor: number): void;
  fit(): void;
  /** Moves the pixel cursor, which appears in the middle of the screen at first. */
  step(dx: number, dy: number): void;
  /** Uses the tool at the pixel cursor. */
  press(): void;
  cancel(): void;
  holdSpace(held: boolean): void;
  /** Whether this person may paint. */
  readonly mayPaint: boolean;
}

/** Listens to the whole page, but not while something is typed or a control has the focus. */
export function listenToKeys(target: KeyTarget): void {
  addBasicCommands(target);
  window.addEventListener("keydown", (event) => {
    if (event.altKey || isTyping(event.target)) return;
    if (event.ctrlKey || event.metaKey) {
      if (runCommand(event)) event.preventDefault();
      return;
    }
    if (event.key === "Escape") {
      panelOpen.value = null;
      target.cancel();
      return;
    }
    const onControl = isControl(event.target);
    if (event.key === " " && !onControl) {
      target.holdSpace(true);
      event.preventDefault();
      return;
    }
    // Arrows and Enter belong to the control that has the focus.
    const arrow = ARROWS[event.key];
    if (onControl && (arrow || event.key === "Enter" || event.key === " ")) return;
    if (handle(event, target, arrow)) event.preventDefault();
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") target.holdSpace(false);
  });
  window.addEventListener("blur", () => target.holdSpace(false));
}

function handle(
  event: KeyboardEvent,
  target: KeyTarget,
  arrow: readonly [number, number] | undefined,
): boolean {
  if (arrow) {
    const far = event.shiftKey ? FAR : 1;
    if (tool.value === "pan" && mode.value === null) {
      const step = PAN_STEP_PX * (event.shiftKey ? 4 : 1);
      target.glideBy(-arrow[0] * step, -arrow[1] * step);
    } else target.step(arrow[0] * far, arrow[1] * far);
    return true;
  }
  if (event.key === "Enter") {
    target.press();
    return true;
  }
  if (runCommand(event)) return true;
  const chosen = TOOLS.find(({ keys }) => keys.includes(event.key.toLowerCase()));
  if (chosen === undefined || (chosen.paints && !target.mayPaint)) return false;
  chooseTool(chosen.id);
  return true;
}

function runCommand(event: KeyboardEvent): boolean {
  const command = commandOf(event);
  command?.run();
  return command !== undefined;
}

function addBasicCommands(target: KeyTarget): void {
  const resize = (up: boolean) => {
    brushSize.value = nextSize(brushSize.value, up);
  };
  addCommands(
    { id: "zoomIn", keys: ["+", "="], run: () => target.zoomBy(ZOOM_STEP) },
    { id: "zoomOut", keys: ["-", "_"], run: () => target.zoomBy(1 / ZOOM_STEP) },
    { id: "fit", keys: ["0", "Home"], run: () => target.fit() },
    { id: "smaller", keys: ["["], run: () => resize(false) },
    { id: "larger", keys: ["]"], run: () => resize(true) },
    { id: "colour", keys: ["c"], run: toggleColourPicker, possible: () => target.mayPaint },
    { id: "fold", keys: ["d"], run: fold, possible: () => target.mayPaint },
    { id: "settings", keys: [","], run: () => togglePanel("settings") },
    { id: "help", keys: ["?"], run: () => togglePanel("help") },
  );
}

function fold(): void {
  paletteFolded.value = !paletteFolded.value;
}

/** Small sizes go by one, large ones by an eighth. */
function nextSize(size: number, up: boolean): number {
  const step = Math.max(1, Math.floor(size / 8));
  return Math.min(Math.max(size + (up ? step : -step), 1), SIZE_MAX);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !UNTYPED.includes(target.type)) ||
    // A panel whose field isn't there yet: what is meant for it is no command.
    (target instanceof Element && target.closest("[aria-busy=true]") !== null)
  );
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, a, input, summary") !== null;
}

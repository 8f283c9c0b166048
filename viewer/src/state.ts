/** What the person has chosen, and what the panels show: signals that any part may read. */
import { computed, signal } from "@preact/signals";
import type { Colour } from "./canvas-info";
import { parseHex, toHex } from "./colour";
import { recall, remember } from "./storage";
import { TOOLS, type ToolId } from "./tools/tools";

export type PanelId = "people" | "help" | "colour";

const coarse = matchMedia("(pointer: coarse)").matches;
const embedded = window.parent !== window;

/** One finger must be able to look around at first, and a frame in another page too. */
export const tool = signal<ToolId>(coarse || embedded ? "pan" : "pencil");
/** The tool to go back to after a colour was picked. */
const lastPainting = signal<ToolId>("pencil");
export const colour = signal<Colour>(parseHex(recall("colour") ?? "") ?? [0x2f, 0x6f, 0xed]);
export const brushSize = signal(4);
export const lineWidth = signal(1);
/** Whether a rectangle is filled; else it is an outline of {@link lineWidth}. */
export const filled = signal(true);
export const recentColours = signal<readonly Colour[]>([]);

export const name = signal(recall("name") ?? "");
export const ownColour = signal<Colour>(parseHex(recall("own-colour") ?? "") ?? randomColour());

/** The pixel under the pointer or the keyboard's cursor. */
export const hovered = signal<readonly [x: number, y: number] | null>(null);
export const zoom = signal(1);
/** The panel that is open; there is never more than one. */
export const panelOpen = signal<PanelId | null>(null);
/** What a screen reader is to say. */
export const announcement = signal("");

export const toolInfo = computed(() => TOOLS.find(({ id }) => id === tool.value) ?? TOOLS[0]);

export function togglePanel(id: PanelId): void {
  panelOpen.value = panelOpen.value === id ? null : id;
}

export function chooseTool(id: ToolId): void {
  if (tool.value !== "eyedropper" && tool.value !== "pan") lastPainting.value = tool.value;
  tool.value = id;
}

/** After a colour was picked: back to what it is for. */
export function resumePainting(): void {
  tool.value = lastPainting.value;
}

export function chooseColour(chosen: Colour): void {
  const hex = toHex(chosen);
  colour.value = chosen;
  remember("colour", hex);
}

/** Notes that a colour was painted with. */
export function noteColour(used: Colour): void {
  const hex = toHex(used);
  if (recentColours.value.length > 0 && toHex(recentColours.value[0]) === hex) return;
  const others = recentColours.value.filter((recent) => toHex(recent) !== hex);
  recentColours.value = [used, ...others].slice(0, 8);
}

export function chooseName(chosen: string, chosenColour: Colour): void {
  name.value = chosen;
  ownColour.value = chosenColour;
  remember("name", chosen);
  remember("own-colour", toHex(chosenColour));
}

function randomColour(): Colour {
  const hue = Math.random() * 360;
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.55 - 0.35 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  const random: Colour = [channel(0), channel(8), channel(4)];
  remember("own-colour", toHex(random));
  return random;
}

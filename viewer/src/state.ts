/** What the person has chosen, and what the panels show: signals that any part may read. */
import { computed, type Signal, signal } from "@preact/signals";
import type { Colour } from "./canvas/canvas-info";
import { parseHex, toHex } from "./canvas/colour";
import { TOOLS, type ToolId } from "./drawing/tools/tools";
import { forget, recall, remember } from "./storage";

export type PanelId =
  | "people"
  | "help"
  | "colour"
  | "templates"
  | "places"
  | "share"
  | "settings"
  /** The list of panels, where there is no room for all their buttons. */
  | "menu";

/** `system`: as the device is set. */
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** Fingers are what points. */
export const coarse = watched("(pointer: coarse)");
/** No room for all buttons beside each other. */
export const narrow = watched("(max-width: 720px)");
const embedded = window.parent !== window;

/** One finger must be able to look around at first, and a frame in another page too. */
export const tool = signal<ToolId>(coarse.value || embedded ? "pan" : "pencil");
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

const resets: (() => void)[] = [];
const OFF_ON = [false, true];

/** Nothing is fetched that isn't on the screen. */
export const dataSaver = kept("data-saver", OFF_ON, savesData());
/** Whether others are shown this person's pointer. */
export const showsCursor = kept("shows-cursor", OFF_ON, true);
/** Whether what is under a painting finger is shown above it. */
export const magnifies = kept("magnifies", OFF_ON, true);
/** Whether the pixels' edges are shown from 8 × on. */
export const showsGrid = kept("grid", OFF_ON, true);
/** Whether a small map of the whole canvas is shown; at first only where there is room for it. */
export const showsMinimap = kept("minimap", OFF_ON, ample() && !dataSaver.value);
export const theme = kept<Theme>("theme", THEMES, "system");

/** The pixel under the pointer or the keyboard's cursor. */
export const hovered = signal<readonly [x: number, y: number] | null>(null);
export const zoom = signal(1);
/** The panel that is open; there is never more than one. */
export const panelOpen = signal<PanelId | null>(null);
/** The colours are folded away, to leave a small screen to the canvas. */
export const paletteFolded = signal(false);
/** What a screen reader is to say. */
export const announcement = signal("");

export const toolInfo = computed(() => TOOLS.find(({ id }) => id === tool.value) ?? TOOLS[0]);

export function togglePanel(id: PanelId): void {
  panelOpen.value = panelOpen.value === id ? null : id;
}

/** Opens and closes the choice of any colour; it stands with the others. */
export function toggleColourPicker(): void {
  paletteFolded.value = false;
  togglePanel("colour");
}

export function chooseTool(id: ToolId): void {
  if (toolInfo.value.paints) lastPainting.value = tool.value;
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

/** Takes back all settings; the language is `texts.ts`'s. */
export function resetSettings(): void {
  for (const reset of resets) reset();
}

/** A choice of a few, remembered, and set back by {@link resetSettings}. */
function kept<T extends string | boolean>(key: string, all: readonly T[], initial: T): Signal<T> {
  const written = (value: T) => (typeof value === "string" ? value : value ? "1" : "0");
  const said = recall(key);
  const choice = signal(all.find((each) => written(each) === said) ?? initial);
  choice.subscribe((value) => {
    if (value !== initial || recall(key) !== null) remember(key, written(value));
  });
  resets.push(() => {
    choice.value = initial;
    forget(key);
  });
  return choice;
}

/** Whether a media query holds, now and whenever that changes. */
function watched(query: string): Signal<boolean> {
  const list = matchMedia(query);
  const holds = signal(list.matches);
  list.addEventListener("change", () => {
    holds.value = list.matches;
  });
  return holds;
}

/** A desktop's screen. */
function ample(): boolean {
  return matchMedia("(min-width: 1260px) and (min-height: 600px) and (pointer: fine)").matches;
}

/** Whether the browser was told to save data; some don't say. */
function savesData(): boolean {
  const { connection } = navigator as { readonly connection?: { readonly saveData?: boolean } };
  return connection?.saveData === true;
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

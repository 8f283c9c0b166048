/** What can be done by a key and stands in the help: each part of the viewer adds its own. */
import { signal } from "@preact/signals";
import type { Texts } from "./texts/en";

export type CommandId = keyof Texts["commands"];

export interface Command {
  readonly id: CommandId;
  /**
   * Keys that do it, each such as `0`, `g`, `Shift+g` or `Mod+Shift+z`. Mod is Ctrl, or ⌘ on a Mac;
   * of other characters than letters Shift is a part.
   */
  readonly keys: readonly string[];
  /** A key press is left to the browser, which tells of it by an event of its own. */
  readonly native?: boolean;
  run(): void;
  /** Whether it can be done now; without this it always can. */
  possible?(): boolean;
}

/** In the order of the help. */
export const commands = signal<readonly Command[]>([]);

/** Adds commands. Throws if a key is taken, which is a mistake in the program. */
export function addCommands(...added: readonly Command[]): void {
  const taken = new Set(commands.value.flatMap(({ keys }) => keys));
  for (const key of added.flatMap(({ keys }) => keys)) {
    if (taken.has(key)) throw new Error(`two commands for the key ${key}`);
    taken.add(key);
  }
  commands.value = [...commands.value, ...added];
}

/** What a key that was pressed is to do, if that is possible now. */
export function commandOf(event: KeyboardEvent): Command | undefined {
  if (event.altKey) return undefined;
  const key = keyOf(event);
  return commands.value.find(
    ({ keys, native, possible }) =>
      !native && keys.includes(key) && (possible === undefined || possible()),
  );
}

function keyOf({ key, shiftKey, ctrlKey, metaKey }: KeyboardEvent): string {
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  const named = key.length > 1;
  return [
    ctrlKey || metaKey ? "Mod+" : "",
    shiftKey && (letter || named) ? "Shift+" : "",
    letter ? key.toLowerCase() : key,
  ].join("");
}

const MAC = /Mac|iP(hone|ad|od)/.test(navigator.userAgent);
const SHOWN: Record<string, string> = { Mod: MAC ? "⌘" : "Ctrl", Shift: MAC ? "⇧" : "Shift" };

/** A key as the help and the buttons show it. */
export function shownKey(key: string): string {
  const parts = key.split(/\+(?=.)/).map((part) => SHOWN[part] ?? part);
  return parts.map((part) => (part.length === 1 ? part.toUpperCase() : part)).join(MAC ? "" : "+");
}

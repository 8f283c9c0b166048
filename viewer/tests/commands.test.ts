import { afterEach, expect, test } from "vitest";
import { addCommands, type Command, commandOf, commands, shownKey } from "../src/commands";

afterEach(() => {
  commands.value = [];
});

const press = (key: string, held: KeyboardEventInit = {}) =>
  commandOf(new KeyboardEvent("keydown", { key, ...held }))?.id;

const command = (id: Command["id"], keys: string[], possible?: () => boolean): Command => ({
  id,
  keys,
  run: () => {},
  possible,
});

test("a key finds its command, whatever the keyboard says of Shift", () => {
  addCommands(
    command("help", ["?"]),
    command("fit", ["0", "Home"]),
    command("larger", ["Shift+g"]),
  );
  expect(press("?", { shiftKey: true })).toBe("help");
  expect(press("0")).toBe("fit");
  expect(press("Home")).toBe("fit");
  expect(press("G", { shiftKey: true })).toBe("larger");
  expect(press("g")).toBeUndefined();
  expect(press("G")).toBeUndefined();
});

test("Ctrl and the Mac's command key are the same, Alt is none of ours", () => {
  addCommands(command("fit", ["Mod+z"]), command("help", ["Mod+Shift+z"]));
  expect(press("z", { ctrlKey: true })).toBe("fit");
  expect(press("z", { metaKey: true })).toBe("fit");
  expect(press("Z", { ctrlKey: true, shiftKey: true })).toBe("help");
  expect(press("z", { ctrlKey: true, altKey: true })).toBeUndefined();
  expect(press("z")).toBeUndefined();
});

test("what isn't possible now isn't done", () => {
  let may = false;
  addCommands(command("fit", ["f"], () => may));
  expect(press("f")).toBeUndefined();
  may = true;
  expect(press("f")).toBe("fit");
});

test("two commands for one key are a mistake", () => {
  addCommands(command("fit", ["f"]));
  expect(() => addCommands(command("help", ["h", "f"]))).toThrow("the key f");
  expect(commands.value).toHaveLength(1);
});

test.each([
  ["0", "0"],
  ["g", "G"],
  ["Shift+g", "Shift+G"],
  ["Mod+Shift+z", "Ctrl+Shift+Z"],
  ["+", "+"],
  ["Home", "Home"],
])("%s is shown as %s", (key, shown) => {
  expect(shownKey(key)).toBe(shown);
});

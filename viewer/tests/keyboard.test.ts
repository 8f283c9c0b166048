import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { addCommands, commands } from "../src/commands";
import { type KeyTarget, listenToKeys } from "../src/keyboard";
import { brushSize, chooseTool, panelOpen, tool } from "../src/state";

let done: (readonly unknown[])[];
let mayPaint = true;

const target: KeyTarget = {
  glideBy: (dx, dy) => done.push(["pan", dx, dy]),
  zoomBy: (factor) => done.push(["zoom", factor]),
  fit: () => done.push(["fit"]),
  step: (dx, dy) => done.push(["step", dx, dy]),
  press: () => done.push(["press"]),
  cancel: () => done.push(["cancel"]),
  holdSpace: (held) => done.push(["space", held]),
  get mayPaint() {
    return mayPaint;
  },
};

beforeAll(() => listenToKeys(target));

beforeEach(() => {
  done = [];
  mayPaint = true;
  panelOpen.value = null;
  chooseTool("pencil");
  document.body.replaceChildren();
});

afterEach(() => {
  brushSize.value = 4;
});

afterAll(() => {
  commands.value = [];
});

/** Presses a key on an element; returns whether the page took it for itself. */
function press(key: string, held: KeyboardEventInit = {}, on: Element = document.body): boolean {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...held });
  on.dispatchEvent(event);
  return event.defaultPrevented;
}

function control(tag: string, type?: string): HTMLElement {
  const element = document.createElement(tag);
  if (type) element.setAttribute("type", type);
  document.body.append(element);
  return element;
}

test("a letter or a number chooses a tool", () => {
  press("b");
  expect(tool.value).toBe("brush");
  press("1");
  expect(tool.value).toBe("pan");
});

test("who may not paint gets no tool that does", () => {
  chooseTool("pan");
  mayPaint = false;
  expect(press("b")).toBe(false);
  expect(tool.value).toBe("pan");
});

test("arrows move the pixel cursor, far with Shift, and the view with Move", () => {
  press("ArrowLeft");
  press("ArrowDown", { shiftKey: true });
  chooseTool("pan");
  press("ArrowRight");
  expect(done).toEqual([
    ["step", -1, 0],
    ["step", 0, 10],
    ["pan", -80, -0],
  ]);
});

test("Enter uses the tool, the space bar holds the view, Escape ends what goes on", () => {
  press("Enter");
  press(" ");
  window.dispatchEvent(new KeyboardEvent("keyup", { key: " " }));
  panelOpen.value = "help";
  press("Escape");
  expect(done).toEqual([["press"], ["space", true], ["space", false], ["cancel"]]);
  expect(panelOpen.value).toBeNull();
});

test("what is typed is no command, nor is it before the field for it is there", () => {
  const panel = control("div");
  panel.setAttribute("aria-busy", "true");
  const close = panel.appendChild(document.createElement("button"));
  const fields = [control("input", "text"), control("textarea"), control("select")];
  for (const field of [...fields, panel, close]) {
    press("b", {}, field);
    press("Enter", {}, field);
    press("?", {}, field);
  }
  expect([tool.value, panelOpen.value, done]).toEqual(["pencil", null, []]);
});

test.each([
  ["button", undefined],
  ["input", "range"],
  ["input", "checkbox"],
  ["input", "radio"],
])("a %s keeps arrows, Enter and the space bar, and leaves the rest", (tag, type) => {
  const element = control(tag, type);
  for (const key of ["ArrowLeft", "Enter", " "]) press(key, {}, element);
  expect(done).toEqual([]);
  press("b", {}, element);
  expect(tool.value).toBe("brush");
});

test("the browser's own keys are left to it", () => {
  expect(press("b", { ctrlKey: true })).toBe(false);
  expect(press("b", { metaKey: true })).toBe(false);
  expect(press("b", { altKey: true })).toBe(false);
  expect(press("F5")).toBe(false);
  expect(tool.value).toBe("pencil");
});

test("a command takes its key from the browser", () => {
  addCommands({ id: "fit", keys: ["Mod+k"], run: () => done.push(["k"]) });
  expect(press("k", { ctrlKey: true })).toBe(true);
  expect(done).toEqual([["k"]]);
});

test("the brush grows by one when small, by an eighth when large, and has its bounds", () => {
  brushSize.value = 1;
  press("[");
  expect(brushSize.value).toBe(1);
  press("]");
  expect(brushSize.value).toBe(2);
  brushSize.value = 32;
  press("]");
  expect(brushSize.value).toBe(36);
  brushSize.value = 64;
  press("]");
  expect(brushSize.value).toBe(64);
});

test("a panel's key opens and closes it", () => {
  press(",");
  expect(panelOpen.value).toBe("settings");
  press("?");
  expect(panelOpen.value).toBe("help");
  press("?");
  expect(panelOpen.value).toBeNull();
});

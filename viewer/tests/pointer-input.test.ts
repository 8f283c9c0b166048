import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PointerInput, type PointerTarget } from "../src/pointer-input";
import type { CanvasPoint } from "../src/tools/tools";

let element: HTMLElement;
let log: unknown[][];
let tool: "paint" | "pan";
let input: PointerInput;

beforeEach(() => {
  vi.useFakeTimers();
  element = document.createElement("div");
  element.setPointerCapture = () => {};
  log = [];
  tool = "paint";
  const target: PointerTarget = {
    begin: (at, alternative) => {
      if (tool === "pan") return null;
      log.push(["begin", ...at, alternative]);
      return {
        move: (points: readonly CanvasPoint[]) => log.push(["move", ...points.flat()]),
        frame: () => log.push(["frame"]),
        end: () => log.push(["end"]),
        cancel: () => log.push(["cancel"]),
      };
    },
    toCanvas: (sx, sy) => [sx, sy],
    panBy: (dx, dy) => log.push(["pan", dx, dy]),
    zoomAt: (sx, sy, factor) => log.push(["zoom", sx, sy, Number(factor.toFixed(3))]),
    hover: () => {},
    requestFrame: () => {},
  };
  input = new PointerInput(element, target);
});

afterEach(() => {
  input.destroy();
  vi.useRealTimers();
});

interface Where {
  readonly id?: number;
  readonly type?: "mouse" | "touch";
  readonly button?: number;
  readonly alt?: boolean;
}

function fire(name: string, x: number, y: number, where: Where = {}): void {
  const event = new PointerEvent(`pointer${name}`, {
    clientX: x,
    clientY: y,
    pointerId: where.id ?? 1,
    pointerType: where.type ?? "mouse",
    button: where.button ?? 0,
    altKey: where.alt ?? false,
    cancelable: true,
  });
  element.dispatchEvent(event);
}

const touch = (id: number): Where => ({ id, type: "touch" });

describe("mouse", () => {
  test("the left button uses the tool", () => {
    fire("down", 1, 2);
    fire("move", 3, 4);
    fire("up", 3, 4);
    expect(log).toEqual([["begin", 1, 2, false], ["move", 3, 4], ["end"]]);
  });

  test.each([1, 2])("button %d drags", (button) => {
    fire("down", 10, 10, { button });
    fire("move", 13, 9, { button });
    fire("up", 13, 9, { button });
    expect(log).toEqual([["pan", 3, -1]]);
  });

  test("the space bar and the move tool drag with the left button", () => {
    input.spaceHeld = true;
    fire("down", 10, 10);
    fire("move", 12, 10);
    fire("up", 12, 10);
    input.spaceHeld = false;
    tool = "pan";
    fire("down", 10, 10);
    fire("move", 15, 10);
    expect(log).toEqual([
      ["pan", 2, 0],
      ["pan", 5, 0],
    ]);
  });

  test("Alt asks for the alternative", () => {
    fire("down", 1, 2, { alt: true });
    expect(log).toEqual([["begin", 1, 2, true]]);
  });

  test("the wheel zooms about the pointer", () => {
    const event = new WheelEvent("wheel", { deltaY: -100, cancelable: true });
    // happy-dom's wheel event is no mouse event.
    Object.defineProperties(event, { clientX: { value: 7 }, clientY: { value: 8 } });
    element.dispatchEvent(event);
    expect(log).toEqual([["zoom", 7, 8, 1.246]]);
    expect(event.defaultPrevented).toBe(true);
  });

  test("a lost pointer cancels", () => {
    fire("down", 1, 2);
    fire("cancel", 1, 2);
    expect(log).toEqual([["begin", 1, 2, false], ["cancel"]]);
  });
});

describe("touch", () => {
  test("a tap uses the tool when the finger is lifted", () => {
    fire("down", 1, 2, touch(1));
    expect(log).toEqual([]);
    fire("up", 1, 2, touch(1));
    expect(log).toEqual([["begin", 1, 2, false], ["move"], ["end"]]);
  });

  test("a finger that stays, or moves on, is at work", () => {
    fire("down", 1, 2, touch(1));
    vi.advanceTimersByTime(150);
    expect(log).toEqual([["begin", 1, 2, false], ["move"]]);
    fire("up", 1, 2, touch(1));
    log.length = 0;
    fire("down", 1, 2, touch(1));
    fire("move", 31, 2, touch(1));
    expect(log).toEqual([
      ["begin", 1, 2, false],
      ["move", 31, 2],
    ]);
  });

  test("where a finger moves the view, none of its way is lost", () => {
    tool = "pan";
    fire("down", 10, 10, touch(1));
    fire("move", 15, 12, touch(1));
    fire("move", 40, 20, touch(1));
    fire("move", 45, 20, touch(1));
    expect(log).toEqual([
      ["pan", 30, 10],
      ["pan", 5, 0],
    ]);
  });

  test("a second finger at once means that nothing is painted", () => {
    fire("down", 100, 100, touch(1));
    fire("down", 200, 100, touch(2));
    fire("move", 300, 100, touch(2));
    expect(log).toEqual([
      ["pan", 50, 0],
      ["zoom", 200, 100, 2],
    ]);
    fire("up", 300, 100, touch(2));
    log.length = 0;
    fire("move", 110, 100, touch(1));
    expect(log).toEqual([["pan", 10, 0]]);
    fire("up", 110, 100, touch(1));
    vi.advanceTimersByTime(1000);
    expect(log).toEqual([["pan", 10, 0]]);
  });

  test("a second finger later cancels the stroke", () => {
    fire("down", 100, 100, touch(1));
    vi.advanceTimersByTime(150);
    fire("down", 200, 100, touch(2));
    expect(log).toEqual([["begin", 100, 100, false], ["move"], ["cancel"]]);
  });
});

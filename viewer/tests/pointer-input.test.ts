import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CanvasPoint } from "../src/drawing/tools/tools";
import { PointerInput, type PointerTarget } from "../src/view/pointer-input";

let element: HTMLElement;
let log: unknown[][];
let tool: "paint" | "pan";
let flicks: number;
let holds: number;
let input: PointerInput;

beforeEach(() => {
  vi.useFakeTimers();
  element = document.createElement("div");
  element.setPointerCapture = () => {};
  log = [];
  tool = "paint";
  flicks = holds = 0;
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
    dragBy: (dx, dy) => log.push(["pan", dx, dy]),
    letGo: () => {
      flicks++;
    },
    hold: () => {
      holds++;
    },
    zoomAt: (sx, sy, factor) => log.push(["zoom", sx, sy, Number(factor.toFixed(3))]),
    zoomTowards: (sx, sy, factor) => log.push(["ease", sx, sy, Number(factor.toFixed(3))]),
    glideBy: (dx, dy) => log.push(["glide", dx, dy]),
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

  test("letting go of the view lets it go on, any press holds it", () => {
    tool = "pan";
    fire("down", 10, 10);
    fire("move", 25, 10);
    expect([holds, flicks]).toEqual([1, 0]);
    fire("up", 25, 10);
    expect([holds, flicks]).toEqual([1, 1]);
    tool = "paint";
    fire("down", 10, 10);
    fire("up", 10, 10);
    expect([holds, flicks]).toEqual([2, 1]);
  });

  test("a double click of the move tool zooms in, of no other", () => {
    for (const chosen of ["paint", "pan"] as const) {
      tool = chosen;
      for (let i = 0; i < 2; i++) {
        fire("down", 30, 40);
        fire("up", 30, 40);
      }
    }
    expect(log.filter(([what]) => what === "ease")).toEqual([["ease", 30, 40, 2]]);
  });

  describe("wheel", () => {
    interface Turn {
      readonly deltaX?: number;
      readonly deltaY?: number;
      readonly shiftKey?: boolean;
      readonly ctrlKey?: boolean;
    }

    function turn(how: Turn): WheelEvent {
      const event = new WheelEvent("wheel", { cancelable: true });
      // happy-dom's wheel event is no mouse event.
      const all = { deltaX: 0, deltaY: 0, shiftKey: false, ctrlKey: false, clientX: 7, clientY: 8 };
      for (const [key, value] of Object.entries({ ...all, ...how })) {
        Object.defineProperty(event, key, { value });
      }
      element.dispatchEvent(event);
      return event;
    }

    test("a wheel's step zooms softly about the pointer, a trackpad's at once", () => {
      expect(turn({ deltaY: -100 }).defaultPrevented).toBe(true);
      turn({ deltaY: -10 });
      expect(log).toEqual([
        ["ease", 7, 8, 1.246],
        ["zoom", 7, 8, 1.022],
      ]);
    });

    test("with Ctrl a wheel zooms finely; a pinch on a trackpad comes so too and is small", () => {
      turn({ deltaY: -100, ctrlKey: true });
      turn({ deltaY: -5, ctrlKey: true });
      expect(log).toEqual([
        ["ease", 7, 8, 1.057],
        ["zoom", 7, 8, 1.045],
      ]);
    });

    test("with Shift it moves the view sideways, as a wheel that turns sideways does", () => {
      turn({ deltaY: 100, shiftKey: true });
      turn({ deltaX: 120, shiftKey: true });
      turn({ deltaX: -5 });
      expect(log).toEqual([
        ["glide", -100, 0],
        ["glide", -120, 0],
        ["pan", 5, 0],
      ]);
    });
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

  test("a double tap of the move tool zooms in", () => {
    tool = "pan";
    for (let i = 0; i < 2; i++) {
      fire("down", 30, 40, touch(1));
      fire("up", 30, 40, touch(1));
    }
    expect(log.at(-1)).toEqual(["ease", 30, 40, 2]);
  });

  test.each(["paint", "pan"] as const)("two fingers that tap zoom out: %s", (chosen) => {
    tool = chosen;
    fire("down", 100, 100, touch(1));
    fire("down", 200, 140, touch(2));
    fire("up", 200, 140, touch(2));
    fire("up", 100, 100, touch(1));
    expect(log).toEqual([["ease", 150, 120, 0.5]]);
    expect(flicks).toBe(0);
  });
});

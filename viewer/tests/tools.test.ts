import { beforeEach, describe, expect, test } from "vitest";
import { type Box, contains } from "../src/canvas/geometry";
import { check, type Drawing } from "../src/canvas/raster";
import { begin } from "../src/drawing/tools/begin";
import type { PixelPoint } from "../src/drawing/tools/pixels";
import type { CanvasPoint, SelectionMoves, ToolContext } from "../src/drawing/tools/tools";

const canvas = { width: 100, height: 80 };
const LIMITS = { max_message_pixels: 1_048_576, max_message_tiles: 4096 };
let drawn: Drawing[];
let preview: Drawing | null;
let picked: CanvasPoint[];
let done: number;
let planned: (number | null)[];
let straight: boolean;
/** Whether the budget allows anything. */
let affordable: boolean;
let lastEnd: PixelPoint | null;
let selection: FakeSelection;

/** A selection that only notes what is done with it. */
class FakeSelection implements SelectionMoves {
  box: Box | null = null;
  floats = false;
  moved: PixelPoint = [0, 0];
  canDrop = true;
  holds = ([x, y]: PixelPoint) => this.box !== null && contains(this.box, x, y);
  lift = () => {
    this.floats = true;
    return true;
  };
  moveBy = (dx: number, dy: number) => {
    this.moved = [this.moved[0] + dx, this.moved[1] + dy];
  };
  drop = () => {
    if (this.canDrop) this.floats = false;
    return this.canDrop;
  };
  select = (box: Box | null) => {
    this.box = box;
  };
  tell = () => {};
}

function context(fields: Partial<ToolContext> = {}): ToolContext {
  return {
    canvas,
    colour: [1, 2, 3],
    background: [255, 254, 253],
    brushSize: 5,
    lineWidth: 0,
    lastEnd,
    selection,
    straight: () => straight,
    draw: (drawing) => {
      expect(check(drawing, canvas, LIMITS)).toBeNull();
      if (affordable) drawn.push(drawing);
      return affordable;
    },
    drawAll: (drawings) => {
      if (affordable) drawn.push(...drawings);
      return affordable;
    },
    ended: (at) => {
      lastEnd = at;
    },
    fill: ([x, y]) => [{ type: "Rect", line: 0, x0: x, y0: y, x1: x + 9, y1: y, r: 1, g: 2, b: 3 }],
    plan: (cost) => planned.push(cost),
    preview: (drawing) => {
      preview = drawing;
    },
    pick: (at) => picked.push(at),
    picked: () => done++,
    ...fields,
  };
}

beforeEach(() => {
  drawn = [];
  preview = null;
  picked = [];
  done = 0;
  planned = [];
  straight = false;
  affordable = true;
  lastEnd = null;
  selection = new FakeSelection();
});

const points = (drawing: Drawing) => (drawing.type === "Stroke" ? drawing.points : null);

describe("freehand", () => {
  test("a press of the pencil is one PIXEL", () => {
    begin("pencil", context(), [10.7, 20.2])?.end();
    expect(drawn).toEqual([{ type: "Pixel", x: 10, y: 20, r: 1, g: 2, b: 3 }]);
  });

  test("each frame sends what came since, from the last point on", () => {
    const gesture = begin("pencil", context(), [10.5, 10.5]);
    gesture?.frame();
    gesture?.move([
      [11.5, 10.5],
      [11.6, 10.6],
      [12.5, 11.5],
    ]);
    gesture?.frame();
    gesture?.frame();
    gesture?.move([[20.5, 20.5]]);
    gesture?.end();
    expect(drawn[0].type).toBe("Pixel");
    expect(drawn.slice(1).map(points)).toEqual([
      [
        [10, 10],
        [11, 10],
        [12, 11],
      ],
      [
        [12, 11],
        [20, 20],
      ],
    ]);
  });

  test("a long piece goes out before the frame ends", () => {
    const gesture = begin("brush", context(), [0.5, 0.5]);
    gesture?.move(Array.from({ length: 70 }, (_, i): CanvasPoint => [i + 0.5, 3.5]));
    expect(drawn).toHaveLength(2);
    expect(drawn.map((drawing) => points(drawing)?.length)).toEqual([32, 32]);
    gesture?.end();
    expect(points(drawn[2])?.[0]).toEqual(points(drawn[1])?.[31]);
  });

  test("a stroke breaks off where it leaves the canvas", () => {
    const gesture = begin("brush", context(), [90.5, 40.5]);
    gesture?.move([
      [120.5, 40.5],
      [120.5, 60.5],
      [90.5, 60.5],
    ]);
    gesture?.end();
    expect(drawn.map(points)).toEqual([
      [
        [90, 40],
        [99, 40],
      ],
      [
        [99, 60],
        [90, 60],
      ],
    ]);
  });

  test("begun and kept beside the canvas it draws nothing", () => {
    const gesture = begin("brush", context(), [-5, -5]);
    gesture?.move([[-5, 50]]);
    gesture?.end();
    expect(drawn).toEqual([]);
  });

  test("the eraser paints the background", () => {
    begin("eraser", context(), [10, 10])?.end();
    expect(drawn).toEqual([
      { type: "Stroke", size: 5, r: 255, g: 254, b: 253, points: [[10, 10]] },
    ]);
  });

  test("an even disc is put at the nearest corner of pixels", () => {
    begin("brush", context({ brushSize: 4 }), [10.7, 10.2])?.end();
    expect(points(drawn[0])).toEqual([[11, 10]]);
  });

  test("what is cancelled before its first frame is never sent", () => {
    const gesture = begin("brush", context(), [10, 10]);
    gesture?.move([[30, 30]]);
    gesture?.cancel();
    gesture?.frame();
    expect(drawn).toEqual([]);
  });
});

describe("freehand with Shift", () => {
  test("begins with a straight line from where the last stroke ended", () => {
    begin("brush", context(), [10.5, 10.5])?.end();
    straight = true;
    begin("brush", context(), [40.5, 20.5])?.end();
    expect(points(drawn[1])).toEqual([
      [10, 10],
      [40, 20],
    ]);
  });

  test("pulls out one straight line, which is drawn when Shift is let go", () => {
    const gesture = begin("brush", context(), [10.5, 10.5]);
    gesture?.frame();
    straight = true;
    gesture?.move([[20.5, 30.5]]);
    gesture?.move([[50.5, 12.5]]);
    gesture?.frame();
    expect(drawn).toHaveLength(1);
    expect(preview && points(preview)).toEqual([
      [10, 10],
      [50, 12],
    ]);
    straight = false;
    gesture?.frame();
    expect(preview).toBeNull();
    gesture?.move([[60.5, 20.5]]);
    gesture?.end();
    expect(drawn.slice(1).map(points)).toEqual([
      [
        [10, 10],
        [50, 12],
      ],
      [
        [50, 12],
        [60, 20],
      ],
    ]);
  });

  test("cancelled, it leaves nothing of the line that was pulled out", () => {
    straight = true;
    const gesture = begin("pencil", context(), [10.5, 10.5]);
    gesture?.move([[20.5, 30.5]]);
    gesture?.cancel();
    expect(preview).toBeNull();
    expect(drawn).toHaveLength(1);
  });
});

test("a stroke ends where the budget does", () => {
  const gesture = begin("brush", context(), [10.5, 10.5]);
  gesture?.frame();
  affordable = false;
  gesture?.move([[20.5, 10.5]]);
  gesture?.frame();
  affordable = true;
  gesture?.move([[30.5, 10.5]]);
  gesture?.end();
  expect(drawn).toHaveLength(1);
});

describe("shapes", () => {
  test.each<[string, CanvasPoint, PixelPoint]>([
    ["nearly level", [60.5, 35.5], [60, 30]],
    ["nearly upright", [35.5, 5.5], [30, 5]],
    ["slanting", [50.5, 44.5], [50, 50]],
    ["slanting up and back", [12.5, 20.5], [12, 12]],
    ["slanting off the canvas", [95.5, 79.5], [79, 79]],
  ])("with Shift a line that is %s goes in steps of 45°", (_, to, end) => {
    straight = true;
    const gesture = begin("line", context(), [30.5, 30.5]);
    gesture?.move([to]);
    gesture?.end();
    expect(points(drawn[0])).toEqual([[30, 30], end]);
  });

  test("with Shift a rectangle is a square, also when the key comes late", () => {
    const gesture = begin("rectangle", context(), [30.5, 30.5]);
    gesture?.move([[10.5, 40.5]]);
    straight = true;
    gesture?.frame();
    const square = { type: "Rect", line: 0, x0: 10, y0: 30, x1: 30, y1: 50, r: 1, g: 2, b: 3 };
    expect(preview).toEqual(square);
    gesture?.end();
    expect(drawn).toEqual([square]);
  });

  test("what it would cost is shown while it is dragged", () => {
    const gesture = begin("rectangle", context(), [10.5, 10.5]);
    gesture?.move([[19.5, 19.5]]);
    expect(planned.at(-1)).toBe(100);
    gesture?.end();
    expect(planned.at(-1)).toBeNull();
  });

  test("a rectangle is shown while it is dragged and drawn at the end, corners in order", () => {
    const gesture = begin("rectangle", context({ lineWidth: 2 }), [30.5, 40.5]);
    gesture?.move([[10.5, 12.5]]);
    const rect = { type: "Rect", line: 2, x0: 10, y0: 12, x1: 30, y1: 40, r: 1, g: 2, b: 3 };
    expect(preview).toEqual(rect);
    expect(drawn).toEqual([]);
    gesture?.end();
    expect(preview).toBeNull();
    expect(drawn).toEqual([rect]);
  });

  test("a line ends at the canvas's edge", () => {
    const gesture = begin("line", context(), [50.5, 50.5]);
    gesture?.move([[500, 50.5]]);
    gesture?.end();
    expect(points(drawn[0])).toEqual([
      [50, 50],
      [99, 50],
    ]);
  });

  test("one wholly beside the canvas is not drawn", () => {
    const gesture = begin("line", context(), [-50, 5]);
    gesture?.move([[-10, 9]]);
    gesture?.end();
    expect(drawn).toEqual([]);
  });

  test("cancelling leaves nothing", () => {
    const gesture = begin("line", context(), [5, 5]);
    gesture?.move([[9, 9]]);
    gesture?.cancel();
    expect(preview).toBeNull();
    expect(drawn).toEqual([]);
  });
});

test("the eyedropper follows the pointer until it is let go", () => {
  const gesture = begin("eyedropper", context(), [5, 5]);
  gesture?.move([
    [6, 6],
    [7, 7],
  ]);
  gesture?.end();
  expect(picked).toEqual([
    [5, 5],
    [7, 7],
  ]);
  expect(done).toBe(1);
});

test("moving is no gesture on the canvas", () => {
  expect(begin("pan", context(), [5, 5])).toBeNull();
});

describe("fill", () => {
  test("shows its cost from the press on and draws on letting go", () => {
    const gesture = begin("fill", context(), [5.5, 5.5]);
    expect(planned).toEqual([10]);
    expect(drawn).toEqual([]);
    gesture?.end();
    expect(planned).toEqual([10, null]);
    expect(drawn).toHaveLength(1);
  });

  test("beside the canvas or cancelled it draws nothing", () => {
    begin("fill", context(), [-5, 5])?.end();
    begin("fill", context(), [5, 5])?.cancel();
    expect(drawn).toEqual([]);
    expect(planned.at(-1)).toBeNull();
  });
});

describe("select", () => {
  test("drags a rectangle open", () => {
    const gesture = begin("select", context(), [30.5, 20.5]);
    gesture?.move([[10.5, 25.5]]);
    gesture?.end();
    expect(selection.box).toEqual({ x0: 10, y0: 20, x1: 30, y1: 25 });
  });

  test("a press elsewhere selects nothing any more", () => {
    selection.box = { x0: 10, y0: 10, x1: 20, y1: 20 };
    begin("select", context(), [50.5, 50.5])?.end();
    expect(selection.box).toBeNull();
  });

  test("a press inside moves it", () => {
    selection.box = { x0: 10, y0: 10, x1: 20, y1: 20 };
    const gesture = begin("select", context(), [15.5, 15.5]);
    gesture?.move([[20.5, 12.5]]);
    gesture?.move([[25.5, 12.5]]);
    gesture?.end();
    expect(selection.floats).toBe(true);
    expect(selection.moved).toEqual([10, -3]);
    expect(selection.box).toEqual({ x0: 10, y0: 10, x1: 20, y1: 20 });
  });

  test("what can't be put down stays, and nothing else is selected", () => {
    selection.floats = true;
    selection.canDrop = false;
    const gesture = begin("select", context(), [50.5, 50.5]);
    gesture?.move([[60.5, 60.5]]);
    gesture?.end();
    expect(selection.floats).toBe(true);
    expect(selection.box).toBeNull();
  });

  test("with Shift it is a square", () => {
    straight = true;
    const gesture = begin("select", context(), [10.5, 10.5]);
    gesture?.move([[30.5, 15.5]]);
    gesture?.end();
    expect(selection.box).toEqual({ x0: 10, y0: 10, x1: 30, y1: 30 });
  });
});

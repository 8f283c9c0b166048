import { beforeEach, describe, expect, test } from "vitest";
import { check, type Drawing } from "../src/raster";
import { begin } from "../src/tools/begin";
import type { CanvasPoint, ToolContext } from "../src/tools/tools";

const canvas = { width: 100, height: 80 };
const LIMITS = { max_message_pixels: 1_048_576, max_message_tiles: 4096 };
let drawn: Drawing[];
let preview: Drawing | null;
let picked: CanvasPoint[];
let done: number;

function context(fields: Partial<ToolContext> = {}): ToolContext {
  return {
    canvas,
    colour: [1, 2, 3],
    background: [255, 254, 253],
    brushSize: 5,
    lineWidth: 0,
    draw: (drawing) => {
      expect(check(drawing, canvas, LIMITS)).toBeNull();
      drawn.push(drawing);
    },
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

describe("shapes", () => {
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

import { describe, expect, test } from "vitest";
import { canvasUrl, readDestination, regionUrl } from "../src/address";

const HERE = "https://canvas.example/art/c/main#1,2,3";

describe("what somebody types to go somewhere", () => {
  test.each(["120, 45", "120 45", " 120;45 ", "x: 120 y: 45", "(120.9, 45.2)", "120,45"])(
    "%j is a pixel",
    (text) => {
      expect(readDestination(text, HERE)).toEqual({ kind: "pixel", x: 120, y: 45 });
    },
  );

  test.each(["#120.5,45,8", "120.5, 45, 8", "https://canvas.example/art/c/main#120.5,45,8"])(
    "%j is a place",
    (text) => {
      const place = { x: 120.5, y: 45, zoom: 8 };
      expect(readDestination(text, HERE)).toEqual({ kind: "place", place });
    },
  );

  test("a link with or without an embed, a slash or upper case in its scheme is the same page", () => {
    for (const link of [
      "https://canvas.example/art/c/main/#5,6,1",
      "https://canvas.example/art/c/main?embed=1#5,6,1",
      "HTTPS://canvas.example/art/c/main#5,6",
    ]) {
      const place = { x: 5, y: 6, zoom: 1 };
      expect(readDestination(link, HERE)).toEqual({ kind: "place", place });
    }
  });

  test.each([
    "https://canvas.example/art/c/other#5,6,1",
    "https://canvas.example/art/c/main#5,6,1;t=abc",
  ])("%j is to be opened", (url) => {
    expect(readDestination(url, HERE)).toEqual({ kind: "link", url });
  });

  test.each([
    "",
    "somewhere",
    "12",
    "1, 2, 3, 4",
    "1, 2, 0",
    "#1",
    "#a,b",
    "https://elsewhere.example/art/c/main#5,6,1",
    "https://canvas.example/c/main#5,6,1",
    "https://canvas.example/art/c/main",
    "https://",
  ])("%j is nowhere", (text) => {
    expect(readDestination(text, HERE)).toBeNull();
  });

  test("what lies off the canvas is read as it was typed", () => {
    expect(readDestination("-3, 70000", HERE)).toEqual({ kind: "pixel", x: -3, y: 70000 });
  });
});

describe("a canvas's addresses", () => {
  test("follow from its socket's", () => {
    expect(canvasUrl("wss://canvas.example/art/c/main/ws")).toBe(
      "https://canvas.example/art/c/main",
    );
    expect(canvasUrl("ws://127.0.0.1:8080/c/ws/ws")).toBe("http://127.0.0.1:8080/c/ws");
  });

  test("a region names both corners and its scale", () => {
    const url = new URL(regionUrl("http://a.test/c/main", { x0: 1, y0: 2, x1: 3, y1: 4 }, "1/2"));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      x0: "1",
      y0: "2",
      x1: "3",
      y1: "4",
      scale: "1/2",
    });
    expect(url.pathname).toBe("/c/main/region.png");
  });
});

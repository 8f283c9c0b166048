import { beforeEach, describe, expect, test, vi } from "vitest";
import { BOOKMARKS_MAX, Bookmarks } from "../src/places/places";

const KEY = "tilecast.places.main";

describe("bookmarks", () => {
  beforeEach(() => localStorage.clear());

  test("are kept for the next visit, each canvas's own", () => {
    const bookmarks = new Bookmarks("main");
    bookmarks.add("  The\n harbour ", { x: 120.26, y: 45, zoom: 8.00049 });
    bookmarks.add("The fair", { x: 1, y: 2, zoom: 1 });
    expect(new Bookmarks("main").all.value).toEqual([
      { name: "The harbour", x: 120.3, y: 45, zoom: 8 },
      { name: "The fair", x: 1, y: 2, zoom: 1 },
    ]);
    expect(new Bookmarks("other").all.value).toEqual([]);
  });

  test("a place has one", () => {
    const bookmarks = new Bookmarks("main");
    const first = bookmarks.add("One", { x: 1, y: 2, zoom: 4 });
    expect(bookmarks.add("Two", { x: 1.001, y: 2, zoom: 4 })).toBe(first);
    expect(bookmarks.add("Three", { x: 1, y: 2, zoom: 5 })).not.toBe(first);
    expect(bookmarks.all.value.map(({ name }) => name)).toEqual(["One", "Three"]);
  });

  test("are renamed, removed and put back where they were", () => {
    const bookmarks = new Bookmarks("main");
    for (const x of [1, 2, 3]) bookmarks.add(`${x}`, { x, y: 0, zoom: 1 });
    const second = bookmarks.all.value[1];
    expect(bookmarks.rename(second, "  ")).toBe(second);
    const renamed = bookmarks.rename(second, "second");
    const names = () => new Bookmarks("main").all.value.map(({ name }) => name);
    expect(names()).toEqual(["1", "second", "3"]);
    bookmarks.remove(renamed);
    expect(names()).toEqual(["1", "3"]);
    bookmarks.restore(renamed, 1);
    expect(names()).toEqual(["1", "second", "3"]);
  });

  test("there is an end to them", () => {
    const bookmarks = new Bookmarks("main");
    for (let x = 0; x < BOOKMARKS_MAX; x++) {
      expect(bookmarks.add(`${x}`, { x, y: 0, zoom: 1 })).not.toBeNull();
    }
    expect(bookmarks.add("one more", { x: 0, y: 1, zoom: 1 })).toBeNull();
    expect(bookmarks.add("a known one", { x: 0, y: 0, zoom: 1 })?.name).toBe("0");
  });

  test.each([
    "",
    "{",
    "7",
    '{"name":"a"}',
    '[1,null,{"name":"a","x":1,"y":2},{"x":1,"y":2,"zoom":1}]',
  ])("of what else is stored nothing is taken: %j", (text) => {
    localStorage.setItem(KEY, text);
    expect(new Bookmarks("main").all.value).toEqual([]);
  });

  test("follow what another tab does", () => {
    const bookmarks = new Bookmarks("main");
    localStorage.setItem(KEY, '[{"name":"a","x":1,"y":2,"zoom":3}]');
    window.dispatchEvent(new StorageEvent("storage", { key: KEY }));
    expect(bookmarks.all.value).toEqual([{ name: "a", x: 1, y: 2, zoom: 3 }]);
  });

  test("without any storage they last as long as the page", () => {
    const refuse = () => {
      throw new DOMException("no storage here", "SecurityError");
    };
    const storage = vi.spyOn(globalThis, "localStorage", "get").mockImplementation(refuse);
    const bookmarks = new Bookmarks("main");
    bookmarks.add("a", { x: 1, y: 2, zoom: 3 });
    expect(bookmarks.all.value).toHaveLength(1);
    storage.mockRestore();
  });
});

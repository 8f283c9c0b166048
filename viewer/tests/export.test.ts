import { afterEach, describe, expect, test, vi } from "vitest";
import { isEmbedded } from "../src/address";
import { embedSnippet, embedUrl, readFraming } from "../src/places/embed";
import { fetchPicture, pictureName, pictureSize, scalesFor } from "../src/places/export";

const BOX = { x0: 10, y0: 20, x1: 109, y1: 69 };

describe("pictures", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("have the size that the server makes", () => {
    expect(pictureSize(BOX, 1)).toEqual({ width: 100, height: 50 });
    expect(pictureSize(BOX, 8)).toEqual({ width: 800, height: 400 });
    // Pixels 10 to 109 touch the pixels 1 to 13 of level 3, rows 20 to 69 its rows 2 to 8.
    expect(pictureSize(BOX, 1 / 8)).toEqual({ width: 13, height: 7 });
  });

  test("are offered at the scales that they can be made at", () => {
    expect(scalesFor(BOX, 11)).toEqual([1, 2, 3, 4, 6, 8]);
    expect(scalesFor({ x0: 0, y0: 0, x1: 2047, y1: 2047 }, 6)).toEqual([1, 2]);
    expect(scalesFor({ x0: 0, y0: 0, x1: 4096, y1: 4095 }, 8)).toEqual([1 / 2, 1 / 4, 1 / 8]);
    const everything = { x0: 0, y0: 0, x1: 65535, y1: 65535 };
    expect(scalesFor(everything, 11)).toEqual([1 / 16, 1 / 32, 1 / 64]);
  });

  test("have names that every file system takes", () => {
    expect(pictureName("main", BOX, 1)).toBe("main_10-20_109-69.png");
    expect(pictureName("main", BOX, 4)).toBe("main_10-20_109-69@4x.png");
    expect(pictureName("../a:b", BOX, 1 / 2)).toBe("-a-b_10-20_109-69@1-2x.png");
  });

  test("come from the server, or it says why not", async () => {
    const asked: string[] = [];
    const answers = [
      new Response("png"),
      Response.json({ detail: "too busy" }, { status: 503 }),
      new Response("gone", { status: 502 }),
    ];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return answers.shift();
    });
    expect(await (await fetchPicture("/c/main", BOX, 1 / 2)).text()).toBe("png");
    expect(asked[0]).toBe("/c/main/region.png?x0=10&y0=20&x1=109&y1=69&scale=1%2F2");
    await expect(fetchPicture("/c/main", BOX, 3)).rejects.toThrow("too busy");
    expect(asked[1]).toContain("scale=3");
    await expect(fetchPicture("/c/main", BOX, 1)).rejects.toThrow("502");
  });
});

describe("in other pages", () => {
  const page = "https://canvas.example/c/main#1,2,3";

  test("the address says so", () => {
    expect(embedUrl(page, true)).toBe("https://canvas.example/c/main?embed=1#1,2,3");
    expect(embedUrl(embedUrl(page, true), false)).toBe(page);
    expect(isEmbedded(new URL(embedUrl(page, true)).search)).toBe(true);
    expect(isEmbedded("?embed=0")).toBe(false);
    expect(isEmbedded("")).toBe(false);
  });

  test("the snippet is HTML whatever the title is", () => {
    // Under another name, so that nothing is fetched.
    const html = embedSnippet(page, `"Tea" & <b>cake</b>`, "large");
    document.body.innerHTML = html.replace("src=", "data-src=");
    const [frame, ...others] = document.body.children;
    expect(others).toEqual([]);
    expect(frame.getAttribute("data-src")).toBe("https://canvas.example/c/main?embed=1#1,2,3");
    expect(frame.getAttribute("title")).toBe(`"Tea" & <b>cake</b>`);
    expect(frame.getAttribute("width")).toBe("800");
    expect(embedSnippet(page, "a", "fluid")).toContain("width: 100%");
  });

  test("the policy tells who may", () => {
    expect(readFraming("default-src 'none'; frame-ancestors *")).toBe("anyone");
    expect(readFraming("default-src 'none'; frame-ancestors 'none'; base-uri 'none'")).toBe(
      "nobody",
    );
    expect(readFraming("frame-ancestors https://a.test http://b.test:81")).toEqual([
      "https://a.test",
      "http://b.test:81",
    ]);
    expect(readFraming(null)).toBe("anyone");
  });
});

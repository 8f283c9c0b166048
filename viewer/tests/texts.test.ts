import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { nameOf } from "../src/canvas/colour";
import {
  chooseLanguage,
  duration,
  LANGUAGES,
  type Language,
  language,
  number,
  preferredLanguage,
  refusal,
  resetLanguage,
  speak,
  texts,
} from "../src/texts";
import { RejectCode } from "../src/wire/wire.gen";

const SOURCES = join(import.meta.dirname, "../src");
const ALL = Object.keys(LANGUAGES) as Language[];

afterEach(() => speak("en"));

/** All texts by their path, those with values in them for some values. */
function said(node: unknown, path = ""): [path: string, text: string][] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node === "function") return [[path, node(7, 3, "x")]];
  return Object.entries(node as object).flatMap(([key, value]) => said(value, `${path}.${key}`));
}

test.each(ALL)("%s says everything, and differently from English", async (language) => {
  const english = said(texts.value);
  await speak(language);
  const spoken = said(texts.value);
  expect(spoken.map(([path]) => path)).toEqual(english.map(([path]) => path));
  expect(spoken.filter(([, text]) => text.trim() === "")).toEqual([]);
  expect(document.documentElement.lang).toBe(language);
  if (language === "en") return;
  const same = spoken.filter(([, text], i) => text === english[i][1] && /[a-z]{4}/.test(text));
  // Some words are the same in both.
  expect(same.length).toBeLessThan(spoken.length / 8);
});

test("what is shown follows the language", async () => {
  expect(nameOf([255, 0, 0])).toBe("red");
  expect(refusal(RejectCode.RATE, 0)).toBe("That is more than you may paint.");
  expect(number(1234567)).toBe("1,234,567");
  await speak("de");
  expect(nameOf([255, 0, 0])).toBe("Rot");
  expect(refusal(RejectCode.PROTECTED, 90_000)).toContain("2 Minuten");
  expect(number(1234567)).toBe("1.234.567");
});

test.each([
  [1, "1 second"],
  [1000, "1 second"],
  [1001, "2 seconds"],
  [89_000, "89 seconds"],
  [90_000, "2 minutes"],
  [5_340_000, "89 minutes"],
  [5_400_000, "2 hours"],
])("%i ms is %s", (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

/** The scripts in a folder and those below it. */
const sources = (folder: string) =>
  readdirSync(join(SOURCES, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => [name, readFileSync(join(SOURCES, folder, name), "utf8")] as const);

test.each(sources("ui"))("%s says nothing of its own", (_, source) => {
  const words = source.match(/>\s*[A-Za-z]{2,}[^<>{}=;()]*<\//g) ?? [];
  const attributes =
    source.match(/\b(?:aria-label|title|placeholder|label)="[^"]*[A-Za-z]{2}[^"]*"/g) ?? [];
  expect([...words, ...attributes]).toEqual([]);
});

test("no message is given in any language but the chosen one", () => {
  const spoken = sources("");
  expect(spoken.length).toBeGreaterThan(100);
  const said = /(?:toast\(|announcement\.value = )["`]([^"`]*)["`]/g;
  const own = spoken.filter(([, source]) =>
    [...source.matchAll(said)].some(([, text]) =>
      /[A-Za-z]/.test(text.replace(/\$\{[^}]*\}/g, "")),
    ),
  );
  expect(own.map(([name]) => name)).toEqual([]);
});

test("the page is written in the language's direction", async () => {
  document.documentElement.dir = "rtl";
  await speak("de");
  expect(document.documentElement.dir).toBe("ltr");
});

test("the language that was chosen is kept, and forgotten on demand", async () => {
  await chooseLanguage("de");
  expect(preferredLanguage()).toBe("de");
  await resetLanguage();
  expect(localStorage.getItem("tilecast.language")).toBeNull();
  expect(language.value).toBe("en");
});

/** Colours: hex, what contrasts, and a name that a person would give. */

import { texts } from "../texts";
import type { Texts } from "../texts/en";
import type { Colour } from "./canvas-info";
import { packColour, unpackColour } from "./raster";

type ColourName = keyof Texts["colours"];

/** What the palette offers where a canvas has none of its own. */
export const DEFAULT_PALETTE: readonly Colour[] = [
  "#ffffff",
  "#d5d9e0",
  "#8b929e",
  "#4b515d",
  "#16181d",
  "#7a1f2b",
  "#d92c3a",
  "#ff6b6b",
  "#ff9a3d",
  "#ffc93c",
  "#fff06b",
  "#b6e34b",
  "#4fbf4b",
  "#1f7a45",
  "#0f5c6e",
  "#17a6a6",
  "#5fd8ee",
  "#2f6fed",
  "#1f3a93",
  "#5b3fc4",
  "#9b5de5",
  "#d96bd0",
  "#ff8fb8",
  "#c26a3a",
  "#7a4526",
  "#f2c79b",
].map((hex) => parseHex(hex) as Colour);

const NAMES: readonly (readonly [name: ColourName, hex: string])[] = [
  ["white", "#ffffff"],
  ["lightGrey", "#d3d3d3"],
  ["grey", "#8c8c8c"],
  ["darkGrey", "#4a4a4a"],
  ["black", "#000000"],
  ["black", "#1a1b1e"],
  ["darkRed", "#7a1020"],
  ["red", "#e02030"],
  ["red", "#ff0000"],
  ["salmon", "#ff7a70"],
  ["orange", "#ff9020"],
  ["amber", "#ffc030"],
  ["yellow", "#fff040"],
  ["lime", "#a8e040"],
  ["green", "#30a840"],
  ["brightGreen", "#00ff00"],
  ["darkGreen", "#145a30"],
  ["darkGreen", "#1c7840"],
  ["olive", "#80802a"],
  ["mint", "#90e8b8"],
  ["teal", "#108888"],
  ["teal", "#105c6c"],
  ["cyan", "#40d8f0"],
  ["skyBlue", "#80c0ff"],
  ["blue", "#2060e8"],
  ["blue", "#0000ff"],
  ["navy", "#14246a"],
  ["darkBlue", "#2440a0"],
  ["indigo", "#4a30b0"],
  ["purple", "#8840d0"],
  ["lavender", "#c8b0f0"],
  ["magenta", "#e030c0"],
  ["pink", "#ff90c0"],
  ["darkPurple", "#401848"],
  ["brown", "#7a4520"],
  ["rust", "#b85020"],
  ["tan", "#d0a878"],
  ["peach", "#f8cfa8"],
  ["beige", "#f0e8d0"],
];
const NAMED = NAMES.map(([name, hex]) => [name, toOklab(parseHex(hex) as Colour)] as const);

export function toHex([r, g, b]: Colour): string {
  return `#${((1 << 24) | (r << 16) | (g << 8) | b).toString(16).slice(1)}`;
}

/** Reads `#rrggbb`, `rrggbb` or `#rgb`; null if it is none of these. */
export function parseHex(text: string): Colour | null {
  const hex = text.trim().replace(/^#/, "");
  const long = hex.length === 3 ? hex.replace(/./g, "$&$&") : hex;
  if (!/^[0-9a-f]{6}$/i.test(long)) return null;
  const value = Number.parseInt(long, 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}

/** Whether black is easier to read than white on this colour. */
export function isLight([r, g, b]: Colour): boolean {
  return r * 0.299 + g * 0.587 + b * 0.114 > 150;
}

/** The nearest common name, for whoever can't see or tell the colour. */
export function nameOf(colour: Colour): string {
  const [l, a, b] = toOklab(colour);
  let best = NAMED[0][0];
  let least = Infinity;
  for (const [name, other] of NAMED) {
    const distance = (l - other[0]) ** 2 + (a - other[1]) ** 2 + (b - other[2]) ** 2;
    if (distance < least) [best, least] = [name, distance];
  }
  return texts.value.colours[best];
}

/** Pixels that {@link nearestOf} remembers: images have few colours, or many that are alike. */
const REMEMBERED_BITS = 14;

/**
 * Finds the palette's colour that is nearest to the eye: takes a pixel as 0xAABBGGRR and gives an
 * opaque one. Throws RangeError for a palette without colours.
 */
export function nearestOf(palette: readonly Colour[]): (pixel: number) => number {
  if (palette.length === 0) throw new RangeError("a palette has at least one colour");
  const choices = palette.map((each) => [packColour(...each), ...toOklab(each)] as const);
  const asked = new Uint32Array(1 << REMEMBERED_BITS);
  const found = new Uint32Array(1 << REMEMBERED_BITS);
  return (pixel) => {
    const colour = (pixel | 0xff000000) >>> 0;
    const slot = Math.imul(colour, 0x9e3779b1) >>> (32 - REMEMBERED_BITS);
    if (asked[slot] === colour) return found[slot];
    const [l, a, b] = toOklab(unpackColour(colour));
    let best = 0;
    let least = Infinity;
    for (const [choice, cl, ca, cb] of choices) {
      const distance = (l - cl) ** 2 + (a - ca) ** 2 + (b - cb) ** 2;
      if (distance < least) [best, least] = [choice, distance];
    }
    asked[slot] = colour;
    found[slot] = best;
    return best;
  };
}

/** Oklab (Ottosson 2020): lightness and two axes in which distance is as the eye takes it. */
function toOklab(colour: Colour): readonly [l: number, a: number, b: number] {
  const [r, g, b] = colour.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

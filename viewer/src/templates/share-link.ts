/**
 * Links that bring a template: after the place, `;t=<address>@x,y` names an image on this server,
 * and `;p=<pixels>@x,y` holds a small one itself, as base64url of
 *
 *     version u8 (1), width u16, height u16, colours u8, name length u8,
 *     name (UTF-8), colours × (r, g, b u8), zlib stream of width × height bytes
 *
 * where each byte is 0 for nothing or the number of a colour, from 1 up; little-endian.
 */
import { zlibSync } from "fflate";
import { COORDINATE_MAX } from "../canvas/geometry";
import { packColour, unpackColour } from "../canvas/raster";
import { inflateExactly } from "../wire/inflate";
import { enlarge } from "./enlargement";
import { ownAddress } from "./image";
import {
  IMAGE_PIXELS_MAX,
  IMAGE_SIDE_MAX,
  NAME_LENGTH_MAX,
  type Template,
  type TemplateImage,
} from "./template";

/** Bytes of a template that a link may hold: longer links are cut off on their way. */
export const LINK_BYTES_MAX = 4096;
const VERSION = 1;
const HEADER_BYTES = 7;
const COLOURS_MAX = 255;

/** What a link brings: an image, or where on this server it is. */
export type Offer = { readonly x: number; readonly y: number } & (
  | { readonly name: string; readonly image: TemplateImage }
  | { readonly address: URL }
);

/** Reads what stands behind the place in a page's hash; null if it brings no good template. */
export function readOffer(hash: string): Offer | null {
  const match = /^#[^;]*;([tp])=([^;@]+)@(-?\d{1,5}),(-?\d{1,5})$/.exec(hash);
  if (match === null) return null;
  const [, kind, value] = match;
  const [x, y] = [Number(match[3]), Number(match[4])];
  if (Math.max(Math.abs(x), Math.abs(y)) > COORDINATE_MAX) return null;
  if (kind === "p") {
    const held = readPixels(value);
    return held && { x, y, ...held };
  }
  const text = attempt(() => decodeURIComponent(value));
  const address = text === null ? null : ownAddress(text);
  return address && { x, y, address };
}

/** What to append to a place's hash to share a template; null if it is too large for a link. */
export function writeOffer(template: Template): string | null {
  const { x, y, source, scale, enlargement } = template;
  const at = `@${x},${y}`;
  if (source !== null && scale === 1 && enlargement === 1) {
    return `;t=${encodeURIComponent(source)}${at}`;
  }
  const pixels = writePixels(template.name, enlarge(template.image, scale));
  return pixels && `;p=${pixels}${at}`;
}

function writePixels(name: string, { width, height, pixels }: TemplateImage): string | null {
  const colours = new Map<number, number>([[0, 0]]);
  const numbers = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    let number = colours.get(pixels[i]);
    if (number === undefined) {
      number = colours.size;
      if (number > COLOURS_MAX) return null;
      colours.set(pixels[i], number);
    }
    numbers[i] = number;
  }
  const stream = zlibSync(numbers, { level: 9 });
  const label = new TextEncoder().encode(name);
  const table = [...colours.keys()].slice(1).flatMap((pixel) => unpackColour(pixel));
  const length = HEADER_BYTES + label.length + table.length + stream.length;
  if (length > LINK_BYTES_MAX || label.length > 0xff) return null;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  view.setUint16(1, width, true);
  view.setUint16(3, height, true);
  bytes.set([colours.size - 1, label.length], 5);
  bytes.set(label, HEADER_BYTES);
  bytes.set(table, HEADER_BYTES + label.length);
  bytes.set(stream, length - stream.length);
  return toBase64Url(bytes);
}

function readPixels(text: string): { name: string; image: TemplateImage } | null {
  const bytes = fromBase64Url(text);
  if (bytes === null || bytes.length < HEADER_BYTES || bytes.length > LINK_BYTES_MAX) return null;
  if (bytes[0] !== VERSION) return null;
  const view = new DataView(bytes.buffer);
  const [width, height] = [view.getUint16(1, true), view.getUint16(3, true)];
  const [count, labelLength] = [bytes[5], bytes[6]];
  if (count === 0 || width === 0 || height === 0) return null;
  if (width * height > IMAGE_PIXELS_MAX || Math.max(width, height) > IMAGE_SIDE_MAX) return null;
  const table = HEADER_BYTES + labelLength;
  const stream = table + 3 * count;
  if (stream >= bytes.length) return null;
  const name = attempt(() =>
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(HEADER_BYTES, table)),
  );
  const numbers = inflateExactly(bytes.subarray(stream), width * height);
  if (name === null || numbers === null) return null;
  const colours = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    const at = table + 3 * i;
    colours[i + 1] = packColour(bytes[at], bytes[at + 1], bytes[at + 2]);
  }
  const pixels = new Uint32Array(numbers.length);
  let some = false;
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i] > count) return null;
    pixels[i] = colours[numbers[i]];
    some ||= numbers[i] !== 0;
  }
  if (!some) return null;
  const shown = [...name].slice(0, NAME_LENGTH_MAX).join("");
  return { name: shown, image: { width, height, pixels } };
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[\w-]+$/.test(text)) return null;
  return attempt(() =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
      character.charCodeAt(0),
    ),
  );
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

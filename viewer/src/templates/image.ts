/** From a file or an address on this server to a template's pixels. */
import { enlargementOf, reduce } from "./enlargement";
import {
  FILE_BYTES_MAX,
  IMAGE_PIXELS_MAX,
  IMAGE_SIDE_MAX,
  NAME_LENGTH_MAX,
  type TemplateDraft,
  type TemplateImage,
} from "./template";

/** Why something is no template; each has a text. */
export type ImageFault =
  | "unreadable"
  | "tooManyBytes"
  | "tooLarge"
  | "empty"
  | "foreign"
  | "unreachable";

export class ImageError extends Error {
  constructor(readonly fault: ImageFault) {
    super(fault);
  }
}

/** Below this a pixel counts as transparent. */
const ALPHA_MIN = 128;

/** Reads an image file. Throws {@link ImageError}. */
export async function readImage(file: Blob, name: string): Promise<TemplateDraft> {
  if (file.size > FILE_BYTES_MAX) throw new ImageError("tooManyBytes");
  const image = withoutAlpha(await decode(file));
  const times = enlargementOf(image);
  return {
    name: shortName(name),
    image: times === 1 ? image : reduce(image, times),
    enlargement: times,
    source: null,
  };
}

/**
 * Fetches an image that this server serves: the page may talk to no other, so that nobody else
 * learns who looks at what. Throws {@link ImageError}.
 */
export async function fetchImage(address: string): Promise<TemplateDraft> {
  const url = ownAddress(address);
  if (url === null) throw new ImageError("foreign");
  let file: Blob;
  try {
    const answer = await fetch(url, { credentials: "omit", redirect: "error" });
    if (!answer.ok) throw new ImageError("unreachable");
    if (Number(answer.headers.get("content-length")) > FILE_BYTES_MAX) {
      throw new ImageError("tooManyBytes");
    }
    file = await answer.blob();
  } catch (error) {
    throw error instanceof ImageError ? error : new ImageError("unreachable");
  }
  const draft = await readImage(file, url.pathname.split("/").at(-1) ?? "");
  return { ...draft, source: `${url.pathname}${url.search}` };
}

/** An address as typed, if it is one of this server's; else null. */
export function ownAddress(address: string): URL | null {
  try {
    const url = new URL(address, location.href);
    return url.origin === location.origin ? url : null;
  } catch {
    return null;
  }
}

/** The image as PNG. */
export async function toPng({ width, height, pixels }: TemplateImage): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const data = new ImageData(width, height);
  new Uint32Array(data.data.buffer).set(pixels);
  canvas.getContext("2d")?.putImageData(data, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new ImageError("tooLarge"))));
  });
}

async function decode(file: Blob): Promise<TemplateImage> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch {
    throw new ImageError("unreadable");
  }
  const { width, height } = bitmap;
  try {
    if (width * height > IMAGE_PIXELS_MAX || Math.max(width, height) > IMAGE_SIDE_MAX) {
      throw new ImageError("tooLarge");
    }
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new ImageError("unreadable");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { width, height, pixels: new Uint32Array(data.buffer) };
  } finally {
    bitmap.close();
  }
}

/** Each pixel opaque or nothing. Throws {@link ImageError} if all are nothing. */
export function withoutAlpha({ width, height, pixels }: TemplateImage): TemplateImage {
  const clean = new Uint32Array(pixels.length);
  let some = false;
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] >>> 24 < ALPHA_MIN) continue;
    clean[i] = (pixels[i] | 0xff000000) >>> 0;
    some = true;
  }
  if (!some) throw new ImageError("empty");
  return { width, height, pixels: clean };
}

/** A file's name without its ending, cut to what is shown. */
function shortName(name: string): string {
  return [...name.replace(/\.\w{1,5}$/, "").trim()].slice(0, NAME_LENGTH_MAX).join("");
}

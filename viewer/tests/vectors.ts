/** Reads the shared test vectors (`tests/vectors/README.md`), compact forms expanded. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../src/wire/wire.gen";

type Json = unknown;
export type Vector = Record<string, Json> & { readonly name: string };

const BYTES = ["session", "info", "payload", "data"];

export function load(file: "codec" | "raster" | "pyramid"): Record<string, Vector[]> {
  const path = join(import.meta.dirname, "../../tests/vectors", `${file}.json`);
  const sections = expand(JSON.parse(readFileSync(path, "utf8")));
  return sections as Record<string, Vector[]>;
}

function expand(value: Json): Json {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== "object" || value === null) return value;
  if ("repeat" in value && "times" in value) {
    const repeated = expand(value.repeat);
    const times = value.times as number;
    if (typeof repeated === "string") return repeated.repeat(times);
    return Array.from({ length: times }, () => repeated as Json[]).flat();
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expand(inner)]));
}

export function bytes(value: Json): Uint8Array {
  const hex = (Array.isArray(value) ? value.join("") : String(value)).replace(/\s/g, "");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function message(raw: Json): Message {
  const fields = { ...(raw as Record<string, Json>) };
  for (const key of BYTES) if (key in fields) fields[key] = bytes(fields[key]);
  return fields as unknown as Message;
}

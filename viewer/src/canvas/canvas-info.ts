/** What WELCOME says about a canvas. */

import type { Welcome } from "../wire/wire.gen";
import { COORDINATE_MAX, type Size } from "./geometry";

export type Colour = readonly [r: number, g: number, b: number];

export interface Limits {
  readonly max_viewport_tiles: number;
  readonly max_message_pixels: number;
  readonly max_message_tiles: number;
  readonly max_unacked: number;
  /** Pixels of a full budget; 0 or absent: none. */
  readonly budget_pixels: number;
  /** Pixels that come back a second; 0 or absent: no limit. */
  readonly budget_refill: number;
}

export interface CanvasInfo extends Size {
  readonly background: Colour;
  readonly levels: number;
  readonly role: number;
  readonly title: string;
  /** Nobody but moderators may paint. */
  readonly frozen: boolean;
  readonly palette: readonly Colour[] | null;
  readonly limits: Limits;
}

export type Rejections = readonly (readonly [n: number, code: number])[];

/** Roles, as WELCOME numbers them. */
export const ROLE_PAINTER = 1;
export const ROLE_MODERATOR = 2;

const DEFAULT_LIMITS: Limits = {
  max_viewport_tiles: 4096,
  max_message_pixels: 1_048_576,
  max_message_tiles: 4096,
  max_unacked: 65_536,
  budget_pixels: 0,
  budget_refill: 0,
};

/** Reads WELCOME; what its JSON lacks or has wrong gets the default. */
export function readWelcome(message: Welcome): { info: CanvasInfo; rejected: Rejections } {
  const json = parse(message.info);
  const limits = { ...DEFAULT_LIMITS };
  if (isObject(json.limits)) {
    for (const key of Object.keys(limits) as (keyof Limits)[]) {
      const value = json.limits[key];
      if (typeof value === "number" && value >= 0) limits[key] = value;
    }
  }
  return {
    info: {
      width: Math.min(message.width, COORDINATE_MAX + 1),
      height: Math.min(message.height, COORDINATE_MAX + 1),
      background: [message.r, message.g, message.b],
      levels: message.levels,
      role: message.role,
      title: typeof json.title === "string" ? json.title : "",
      frozen: json.frozen === true,
      palette: isTuples(json.palette, 3) ? (json.palette as unknown as Colour[]) : null,
      limits,
    },
    rejected: isTuples(json.rejected, 2) ? (json.rejected as unknown as Rejections) : [],
  };
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(json) ? json : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTuples(value: unknown, length: number): value is number[][] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (item) =>
        Array.isArray(item) &&
        item.length === length &&
        item.every((number) => Number.isInteger(number) && number >= 0),
    )
  );
}

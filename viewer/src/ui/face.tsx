import type { Colour } from "../canvas/canvas-info";
import { isLight, toHex } from "../canvas/colour";

/** A disc in somebody's colour with the first letter of the name. */
export function Face({ name, colour }: { readonly name: string; readonly colour: Colour }) {
  const first = [...name.trim()][0]?.toUpperCase() ?? "";
  return (
    <span
      class={`face ${isLight(colour) ? "is-light" : ""}`}
      style={{ backgroundColor: toHex(colour) }}
      aria-hidden="true"
    >
      {first}
    </span>
  );
}

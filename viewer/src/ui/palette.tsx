import type { CanvasInfo, Colour } from "../canvas/canvas-info";
import { DEFAULT_PALETTE, isLight, nameOf, toHex } from "../canvas/colour";
import { announcement, chooseColour, colour, panelOpen, togglePanel } from "../state";
import { texts } from "../texts";

/** The colours to choose from: the canvas's own, or a common set and any other. */
export function Palette({ info }: { readonly info: CanvasInfo | null }) {
  const said = texts.value.palette;
  const own = info?.palette ?? null;
  const chosen = toHex(colour.value);
  return (
    <div class="palette">
      <CurrentColour free={own === null} />
      <fieldset class="swatches" aria-label={own ? said.own : said.label}>
        {(own ?? DEFAULT_PALETTE).map((each) => (
          <Swatch key={toHex(each)} colour={each} chosen={toHex(each) === chosen} />
        ))}
      </fieldset>
    </div>
  );
}

export function Swatch(props: { readonly colour: Colour; readonly chosen: boolean }) {
  const hex = toHex(props.colour);
  const name = `${nameOf(props.colour)}, ${hex}`;
  return (
    <button
      type="button"
      class={`swatch ${isLight(props.colour) ? "is-light" : ""}`}
      style={{ backgroundColor: hex }}
      aria-label={name}
      aria-pressed={props.chosen}
      title={name}
      onClick={() => {
        chooseColour(props.colour);
        announcement.value = name;
      }}
    />
  );
}

/** The colour in use; it opens the picker where any colour may be used. */
function CurrentColour({ free }: { readonly free: boolean }) {
  const hex = toHex(colour.value);
  const said = texts.value.palette;
  const open = panelOpen.value === "colour";
  const name = `${nameOf(colour.value)}, ${hex}`;
  if (!free) {
    return (
      <span class="current-colour" style={{ backgroundColor: hex }} role="img" aria-label={name} />
    );
  }
  return (
    <button
      type="button"
      class="current-colour"
      style={{ backgroundColor: hex }}
      aria-label={said.current(name)}
      aria-expanded={open}
      title={said.chooseOther(name)}
      onClick={() => togglePanel("colour")}
    />
  );
}

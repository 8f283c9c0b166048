import { useState } from "preact/hooks";
import { parseHex, toHex } from "../canvas/colour";
import { chooseColour, colour, panelOpen, recentColours } from "../state";
import { texts } from "../texts";
import { Swatch } from "./palette";
import { Popover } from "./popover";

/** Any colour: by the browser's own picker, by its hex digits, or one used before. */
export function ColourPicker() {
  const said = texts.value.palette;
  const hex = toHex(colour.value);
  const [typed, setTyped] = useState<string | null>(null);
  const type = (text: string) => {
    setTyped(text);
    const parsed = parseHex(text);
    if (parsed) chooseColour(parsed);
  };
  const close = () => {
    panelOpen.value = null;
  };
  return (
    <Popover label={said.choose} class="colour-picker" onClose={close}>
      <label class="field">
        <span>{said.any}</span>
        <input
          type="color"
          value={hex}
          onInput={(event) => {
            const parsed = parseHex(event.currentTarget.value);
            if (parsed) chooseColour(parsed);
            setTyped(null);
          }}
        />
      </label>
      <label class="field">
        <span>{said.hex}</span>
        <input
          type="text"
          spellcheck={false}
          autocomplete="off"
          maxLength={7}
          value={typed ?? hex}
          aria-invalid={typed !== null && parseHex(typed) === null}
          onInput={(event) => type(event.currentTarget.value)}
          onBlur={() => setTyped(null)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            // The focus goes back to the button, which the key must not press too.
            event.preventDefault();
            close();
          }}
        />
      </label>
      {recentColours.value.length > 0 && (
        <fieldset class="swatches" aria-label={said.recent}>
          {recentColours.value.map((each) => (
            <Swatch key={toHex(each)} colour={each} chosen={toHex(each) === hex} />
          ))}
        </fieldset>
      )}
    </Popover>
  );
}

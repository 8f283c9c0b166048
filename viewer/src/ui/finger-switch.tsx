import { Hand, Pencil } from "lucide-preact";
import { announcement, chooseTool, resumePainting, tool } from "../state";
import { texts } from "../texts";

/** In reach of the thumb: whether one finger paints or moves the view. */
export function FingerSwitch() {
  const said = texts.value.fingerSwitch;
  const paints = tool.value !== "pan";
  const flip = () => {
    if (paints) chooseTool("pan");
    else resumePainting();
    announcement.value = paints ? said.moves : said.paints;
  };
  return (
    <button
      type="button"
      class="panel finger-switch"
      role="switch"
      aria-checked={paints}
      aria-label={said.label}
      onClick={flip}
    >
      <span class={paints ? "" : "is-on"}>
        <Hand size={18} aria-hidden="true" />
        {said.move}
      </span>
      <span class={paints ? "is-on" : ""}>
        <Pencil size={18} aria-hidden="true" />
        {said.paint}
      </span>
    </button>
  );
}

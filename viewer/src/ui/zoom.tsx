import { Link, Maximize, Minus, Plus } from "lucide-preact";
import { nameOf } from "../colour";
import { ZOOM_STEP } from "../keyboard";
import { hovered, zoom } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";

/** The zoom, and what shows a place again. */
export function Zoom({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.zoom;
  const percent = zoom.value * 100;
  const shown = percent < 10 ? percent.toFixed(1) : String(Math.round(percent));
  return (
    <fieldset class="panel zoom" aria-label={said.label}>
      <IconButton
        icon={Plus}
        label={said.in}
        shortcut="+"
        onPress={() => viewer.zoomBy(ZOOM_STEP)}
      />
      <button
        type="button"
        class="zoom-value"
        title={said.actual}
        aria-label={said.value(shown)}
        onClick={() => viewer.zoomBy(1 / viewer.camera.zoom)}
      >
        {shown}%
      </button>
      <IconButton
        icon={Minus}
        label={said.out}
        shortcut="-"
        onPress={() => viewer.zoomBy(1 / ZOOM_STEP)}
      />
      <IconButton icon={Maximize} label={said.fit} shortcut="0" onPress={() => viewer.fit()} />
      <IconButton icon={Link} label={said.copyLink} onPress={copyLink} />
    </fieldset>
  );
}

/** The pixel under the pointer or the keyboard's cursor, and its colour. */
export function Coordinates({ viewer }: { readonly viewer: Viewer }) {
  const at = hovered.value;
  if (at === null) return null;
  const colour = viewer.pixel(at[0], at[1]);
  return (
    <span class="coordinates" title={colour ? nameOf(colour) : undefined}>
      {colour && (
        <span class="coordinates-colour" style={{ backgroundColor: `rgb(${colour.join(",")})` }} />
      )}
      {at[0]}, {at[1]}
    </span>
  );
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast(texts.value.zoom.linkCopied);
  } catch {
    toast(texts.value.zoom.linkInBar);
  }
}

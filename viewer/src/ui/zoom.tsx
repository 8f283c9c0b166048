import { Fullscreen, Link, Map as MapIcon, Maximize, Minimize, Minus, Plus } from "lucide-preact";
import { nameOf } from "../canvas/colour";
import { ZOOM_STEP } from "../keyboard";
import { hasFullscreen, isFullscreen, toggleFullscreen } from "../places/fullscreen";
import { copyLink, toggleMinimap } from "../places/wayfinding";
import { hovered, showsMinimap, zoom } from "../state";
import { number, texts } from "../texts";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";

/** The zoom, and what shows a place again. */
export function Zoom({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.zoom;
  return (
    <fieldset class="panel zoom" aria-label={said.label}>
      <ZoomButtons viewer={viewer} />
      <IconButton
        icon={Link}
        label={said.copyLink}
        shortcut="Shift+L"
        onPress={() => void copyLink()}
      />
      <IconButton
        icon={MapIcon}
        label={said.map}
        shortcut="Shift+M"
        pressed={showsMinimap.value}
        onPress={() => toggleMinimap(viewer)}
      />
      {hasFullscreen() && (
        <IconButton
          icon={isFullscreen.value ? Minimize : Fullscreen}
          label={isFullscreen.value ? said.leaveFullscreen : said.fullscreen}
          shortcut="Shift+F"
          onPress={() => void toggleFullscreen()}
        />
      )}
    </fieldset>
  );
}

/** In, out, 1:1, and all of it. */
export function ZoomButtons({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.zoom;
  return (
    <>
      <IconButton
        icon={Plus}
        label={said.in}
        shortcut="+"
        onPress={() => viewer.zoomBy(ZOOM_STEP)}
      />
      <ZoomValue viewer={viewer} />
      <IconButton
        icon={Minus}
        label={said.out}
        shortcut="-"
        onPress={() => viewer.zoomBy(1 / ZOOM_STEP)}
      />
      <IconButton icon={Maximize} label={said.fit} shortcut="0" onPress={() => viewer.fit()} />
    </>
  );
}

/** By itself: while one zooms, it alone is drawn anew each frame. */
function ZoomValue({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.zoom;
  const percent = zoom.value * 100;
  const digits = percent < 10 ? 1 : 0;
  const shown = number(percent, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  });
  return (
    <button
      type="button"
      class="zoom-value"
      title={said.actual}
      aria-label={said.value(shown)}
      onClick={() => viewer.zoomTo(1)}
    >
      {shown}%
    </button>
  );
}

/** The pixel under the pointer or the keyboard's cursor, and its colour. */
export function Coordinates({ viewer }: { readonly viewer: Viewer }) {
  const at = hovered.value;
  if (at === null) return null;
  const colour = viewer.pixel(at[0], at[1]);
  return (
    <span class="coordinates">
      {colour && (
        <span class="coordinates-colour" style={{ backgroundColor: `rgb(${colour.join(",")})` }} />
      )}
      <span>
        {at[0]}, {at[1]}
      </span>
      {colour && <span class="coordinates-name">{nameOf(colour)}</span>}
    </span>
  );
}

/** Going places: the keys for it, and what they do. */
import { type Place, readDestination } from "../address";
import { copyText } from "../clipboard";
import { addCommands } from "../commands";
import { isOnCanvas } from "../drawing/tools/pixels";
import { announcement, showsGrid, showsMinimap, togglePanel } from "../state";
import { canvasKey } from "../templates/start";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import { hasFullscreen, toggleFullscreen, watchFullscreen } from "./fullscreen";
import { seesAll } from "./minimap";
import { BOOKMARKS_MAX, type Bookmark, Bookmarks } from "./places";

/** Whoever goes to a pixel wants to see it. */
const PIXEL_ZOOM = 8;

const held = new WeakMap<Viewer, Bookmarks>();

/** The bookmarks of the page's canvas. */
export function bookmarksOf(viewer: Viewer): Bookmarks {
  const bookmarks = held.get(viewer) ?? new Bookmarks(canvasKey(viewer));
  held.set(viewer, bookmarks);
  return bookmarks;
}

export function addWayfinding(viewer: Viewer): void {
  watchFullscreen();
  showsGrid.subscribe(() => viewer.requestFrame());
  addCommands(
    { id: "places", keys: ["g"], run: () => togglePanel("places") },
    { id: "bookmark", keys: ["m"], run: () => void bookmarkHere(viewer) },
    { id: "copyLink", keys: ["Shift+l"], run: () => void copyLink() },
    { id: "share", keys: ["Shift+s"], run: () => togglePanel("share") },
    { id: "minimap", keys: ["Shift+m"], run: () => toggleMinimap(viewer) },
    { id: "grid", keys: ["Shift+g"], run: toggleGrid },
    {
      id: "fullscreen",
      keys: ["Shift+f"],
      run: () => void toggleFullscreen(),
      possible: hasFullscreen,
    },
  );
}

/** Goes where a text says; returns what is wrong with it, or null. */
export function goTo(viewer: Viewer, text: string): string | null {
  const said = texts.value.places;
  const { width, height } = viewer.client.size;
  const destination = readDestination(text, location.href);
  if (destination === null) return said.unreadable;
  if (destination.kind === "link") {
    location.assign(destination.url);
    return null;
  }
  const { x, y } = destination.kind === "pixel" ? destination : destination.place;
  if (!isOnCanvas([x, y], { width, height })) return said.offCanvas(width, height);
  if (destination.kind === "place") show(viewer, destination.place);
  else {
    const zoom = Math.max(viewer.camera.zoom, PIXEL_ZOOM);
    viewer.goto({ x: x + 0.5, y: y + 0.5, zoom });
    // The pixel is marked, and the keys paint there.
    viewer.pointAt(x, y, zoom);
  }
  return null;
}

/** Shows a place, and says so. */
export function show(viewer: Viewer, place: Place): void {
  viewer.goto(place);
  announcement.value = texts.value.places.at(Math.floor(place.x), Math.floor(place.y));
}

/** Bookmarks what is in the middle of the screen; null if there is no room. */
export function bookmarkHere(viewer: Viewer): Bookmark | null {
  const { x, y, zoom } = viewer.camera;
  const said = texts.value.places;
  const bookmarks = bookmarksOf(viewer);
  const before = bookmarks.all.value;
  const bookmark = bookmarks.add(`${Math.floor(x)}, ${Math.floor(y)}`, { x, y, zoom });
  if (bookmark === null) toast(said.full(BOOKMARKS_MAX), "warning", "bookmark");
  else {
    const known = before.includes(bookmark);
    toast((known ? said.known : said.added)(bookmark.name), "info", "bookmark");
  }
  return bookmark;
}

export async function copyLink(): Promise<void> {
  const said = texts.value.zoom;
  await copyText(location.href, said.linkCopied, said.linkInBar);
}

export function toggleMinimap({ camera }: Viewer): void {
  const said = texts.value.places;
  showsMinimap.value = !showsMinimap.value;
  announcement.value = showsMinimap.value ? said.mapOn : said.mapOff;
  // Else nothing would be seen to happen.
  if (showsMinimap.value && seesAll(camera)) toast(said.mapLater, "info", "map");
}

function toggleGrid(): void {
  const said = texts.value.places;
  showsGrid.value = !showsGrid.value;
  toast(showsGrid.value ? said.gridOn : said.gridOff, "info", "grid");
}

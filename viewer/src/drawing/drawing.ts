/** Puts drawing's own commands, layers and ways in into a viewer: undo, selection, pictures. */
import { effect } from "@preact/signals";
import { type Box, boxArea, intersect } from "../canvas/geometry";
import type { Surface } from "../canvas/raster";
import { addCommands } from "../commands";
import { chooseTool, panelOpen } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import { listenToModifiers } from "./modifiers";
import { Overdue } from "./overdue";
import { OverdueLayer } from "./overdue-layer";
import { SelectionLayer } from "./selection-layer";
import type { PixelPoint } from "./tools/pixels";

/** Nearer than this single pixels are shown, on any screen. */
const DETAIL_ZOOM = 1;

export function addDrawing(viewer: Viewer): void {
  const { client, overlay, painting } = viewer;
  listenToModifiers();
  addDrawingCommands(viewer);
  const overdue = new Overdue(client);
  effect(() => {
    overdue.count.value;
    viewer.requestFrame();
  });
  const background = () => client.info.value?.background ?? ([255, 255, 255] as const);
  overlay.layers.push(
    new OverdueLayer(overdue),
    new SelectionLayer(painting.selection, background),
  );
  window.addEventListener("paste", (event) => {
    if (isField(event.target)) return;
    event.preventDefault();
    paste(viewer, imageAmong(event.clipboardData));
  });
  // Else the browser would leave the page for the picture.
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    const file = imageAmong(event.dataTransfer);
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (file === null || panelOpen.value === "templates") return;
    const [x, y] = viewer.toCanvas(event.clientX, event.clientY);
    void insertImage(viewer, file, [Math.floor(x), Math.floor(y)]);
  });
}

function addDrawingCommands(viewer: Viewer): void {
  const { client, painting } = viewer;
  const { history, selection } = painting;
  const isSelected = () => selection.area.value !== null || selection.floating.value !== null;
  const show = (place: Box) => showPlace(viewer, place);
  addCommands(
    {
      id: "undo",
      keys: ["Mod+z"],
      run: () => painting.undo(show),
      possible: () => history.canUndo.value && client.mayPaint,
    },
    {
      id: "redo",
      keys: ["Mod+Shift+z", "Mod+y"],
      run: () => painting.redo(show),
      possible: () => history.canRedo.value && client.mayPaint,
    },
    { id: "copy", keys: ["Mod+c"], run: () => selection.copy(), possible: isSelected },
    {
      id: "cut",
      keys: ["Mod+x"],
      run: () => {
        selection.cut();
        viewer.focus();
      },
      possible: () => isSelected() && client.mayPaint,
    },
    {
      id: "clear",
      keys: ["Delete", "Backspace"],
      run: () => {
        selection.clear();
        viewer.focus();
      },
      possible: () => isSelected() && client.mayPaint,
    },
    {
      id: "paste",
      keys: ["Mod+v"],
      // The browser tells of the key by an event of its own, with what is to be pasted.
      native: true,
      run: () => void pasteUnasked(viewer),
      possible: () => client.mayPaint,
    },
    {
      id: "insertImage",
      keys: ["Shift+i"],
      run: () => chooseImage(viewer),
      possible: () => client.mayPaint,
    },
  );
  // What was copied in another window since then is newer than what was copied here.
  window.addEventListener("blur", () => {
    leftSinceCopy = true;
  });
  selection.clipboard.subscribe(() => {
    leftSinceCopy = false;
  });
}

let leftSinceCopy = false;

/** Pastes what was copied here, or a picture from outside, whichever is newer. */
function paste(viewer: Viewer, image: File | null): void {
  if (!viewer.mayPaint) return;
  const own = viewer.painting.selection.clipboard.value;
  if (image && (own === null || leftSinceCopy)) void insertImage(viewer, image);
  else if (own) place(viewer, own);
  else toast(texts.value.selection.nothingToPaste);
}

/** By a button, which the browser tells no content with: it asks the person for that. */
async function pasteUnasked(viewer: Viewer): Promise<void> {
  const own = viewer.painting.selection.clipboard.value;
  paste(viewer, own !== null && !leftSinceCopy ? null : await clipboardImage());
}

async function clipboardImage(): Promise<File | null> {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((each) => each.startsWith("image/"));
      if (type) return new File([await item.getType(type)], "pasted", { type });
    }
  } catch {
    // Not allowed, or the browser has none.
  }
  return null;
}

function chooseImage(viewer: Viewer): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) void insertImage(viewer, file);
  });
  input.click();
}

/** The first picture among pasted or dropped things. */
function imageAmong(data: DataTransfer | null): File | null {
  for (const file of data?.files ?? []) if (file.type.startsWith("image/")) return file;
  return null;
}

async function insertImage(viewer: Viewer, file: File, at?: PixelPoint): Promise<void> {
  const { camera, client } = viewer;
  const said = texts.value.selection;
  const seen = camera.visible();
  const info = client.info.value;
  if (!viewer.mayPaint || seen === null || info === null) return;
  const source = await import("./image-source").catch(() => null);
  if (source === null) {
    toast(texts.value.noConnection, "warning");
    return;
  }
  const room = { width: seen.x1 - seen.x0 + 1, height: seen.y1 - seen.y0 + 1 };
  try {
    const { pixels, scaled } = await source.readImage(file, room, info.palette);
    place(viewer, pixels, at);
    if (scaled) toast(said.scaled(pixels.width, pixels.height));
  } catch (error) {
    if (!(error instanceof source.UnusableImage)) throw error;
    toast(said.unusable[error.reason], "warning");
  }
}

/** Lets pixels float in the middle of what is seen, or at a place. */
function place(viewer: Viewer, pixels: Surface, at?: PixelPoint): void {
  const { camera, painting } = viewer;
  const middle: PixelPoint = [Math.floor(camera.x), Math.floor(camera.y)];
  chooseTool("select");
  painting.selection.float(pixels, at ?? middle);
  viewer.focus();
}

function showPlace(viewer: Viewer, place: Box): void {
  const seen = viewer.camera.visible();
  const inView = seen !== null && intersect(seen, place);
  const x = (place.x0 + place.x1 + 1) / 2;
  const y = (place.y0 + place.y1 + 1) / 2;
  const zoom = Math.max(viewer.camera.zoom, DETAIL_ZOOM);
  if (inView && boxArea(inView) > 0 && zoom === viewer.camera.zoom) return;
  viewer.goto({ x, y, zoom });
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

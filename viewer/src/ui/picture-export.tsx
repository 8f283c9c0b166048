import { signal } from "@preact/signals";
import { Copy, Download, SquareDashed } from "lucide-preact";
import { useState } from "preact/hooks";
import { type Box, canvasBox, intersect } from "../canvas/geometry";
import {
  canCopyPictures,
  copyPicture,
  fetchPicture,
  pictureName,
  pictureSize,
  type Scale,
  saveFile,
  scalesFor,
} from "../places/export";
import { Marking } from "../places/marking";
import { panelOpen } from "../state";
import { number, texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";

const AREAS = ["view", "canvas", "selection"] as const;

/** They outlast the panel, which makes way while an area is marked. */
const area = signal<(typeof AREAS)[number]>("view");
const scale = signal<Scale>(1);
const marked = signal<Box | null>(null);

/** Saves or copies a picture of a part of the canvas. */
export function PictureExport({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.share;
  const [making, setMaking] = useState(false);
  const box = boxOf(viewer);
  const scales = box ? scalesFor(box, viewer.client.info.value?.levels ?? 1) : [];
  const chosen = scales.includes(scale.value) ? scale.value : scales[0];
  const unsaved = viewer.client.unsaved.value;
  const name = box && chosen ? pictureName(viewer.canvasTitle, box, chosen) : "";
  const make = async (use: (picture: Promise<Blob>) => Promise<void>) => {
    if (box === null || chosen === undefined || making) return;
    setMaking(true);
    const picture = fetchPicture(viewer.address, box, chosen);
    try {
      await use(picture);
    } catch {
      // What is wrong with the picture, rather than with what took it.
      const reason = await picture.then(
        () => said.notCopied,
        (error: unknown) => said.failed(error instanceof Error ? error.message : String(error)),
      );
      toast(reason, "error", "picture");
    }
    setMaking(false);
  };
  return (
    <fieldset class="picture-export">
      <legend>{said.picture}</legend>
      <label class="field">
        <span>{said.area}</span>
        <select
          value={box ? area.value : "view"}
          onChange={(event) => {
            area.value = event.currentTarget.value as (typeof AREAS)[number];
          }}
        >
          {AREAS.map((each) => (
            <option key={each} value={each} disabled={each === "selection" && !markedIn(viewer)}>
              {said.areas[each]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" class="secondary" onClick={() => mark(viewer)}>
        <SquareDashed size={18} aria-hidden="true" />
        {said.mark}
      </button>
      {box && chosen ? (
        <>
          <label class="field">
            <span>{said.scale}</span>
            <select
              value={String(chosen)}
              onChange={(event) => {
                scale.value = Number(event.currentTarget.value);
              }}
            >
              {scales.map((each) => (
                <option key={each} value={String(each)}>
                  {scaleText(box, each)}
                </option>
              ))}
            </select>
          </label>
          <div class="row">
            <button
              type="button"
              class="primary"
              aria-disabled={making}
              title={name}
              onClick={() => void make(async (picture) => saveFile(await picture, name))}
            >
              <Download size={18} aria-hidden="true" />
              {said.save}
            </button>
            {canCopyPictures() && (
              <button
                type="button"
                class="secondary"
                aria-disabled={making}
                onClick={() =>
                  void make(async (picture) => {
                    await copyPicture(picture);
                    toast(said.imageCopied, "info", "picture");
                  })
                }
              >
                <Copy size={18} aria-hidden="true" />
                {said.copyImage}
              </button>
            )}
          </div>
        </>
      ) : (
        <p class="complaint">{said.tooLarge}</p>
      )}
      <p class="muted" role="status">
        {making ? said.making : said.asOnServer} {unsaved > 0 && said.unsaved(unsaved)}
      </p>
    </fieldset>
  );
}

/** What was marked here, or with the tool that selects; null: nothing is. */
function markedIn(viewer: Viewer): Box | null {
  const box = marked.value ?? viewer.painting.selection.area.value;
  return box && intersect(box, canvasBox(viewer.client.size));
}

function boxOf(viewer: Viewer): Box | null {
  if (area.value === "canvas") return canvasBox(viewer.client.size);
  return (area.value === "selection" && markedIn(viewer)) || viewer.camera.visible();
}

function mark(viewer: Viewer): void {
  const back = () => {
    panelOpen.value = "share";
  };
  Marking.start(viewer, {
    text: () => texts.value.marking.text,
    marked: (box) => {
      marked.value = box;
      area.value = "selection";
      back();
      return true;
    },
    cancelled: back,
  });
}

function scaleText(box: Box, scale: Scale): string {
  const said = texts.value.share;
  const { width, height } = pictureSize(box, scale);
  const pixels = said.pixels(number(width), number(height));
  return scale < 1 ? `1/${1 / scale} (${said.overview}): ${pixels}` : `${scale} ×: ${pixels}`;
}

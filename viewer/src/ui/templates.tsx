/** What is in the templates' panel. */
import { ImagePlus, LocateFixed, SquareDashedMousePointer } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { startCapture } from "../templates/capture";
import type { TemplateStyle, Templates } from "../templates/templates";
import { texts } from "../texts";
import { TemplateEntry } from "./template-entry";

const PATH_SHOWN_MAX = 120;
const STYLES: readonly TemplateStyle[] = ["overlay", "dots"];

export function TemplatesContent({ templates }: { readonly templates: Templates }) {
  const said = texts.value.templates;
  const list = templates.list.value;
  useDrop(templates);
  return (
    <>
      <p class="muted">
        {said.stayHere} {!templates.kept && said.keptNowhere}
      </p>
      <OfferQuestion templates={templates} />
      <div class="template-sources">
        <FileButton templates={templates} />
        <button type="button" class="text-button" onClick={() => startCapture(templates)}>
          <SquareDashedMousePointer size={18} aria-hidden="true" />
          {said.capture}
        </button>
      </div>
      <AddressForm templates={templates} />
      {list.length > 0 && (
        <>
          <ul class="template-list">
            {list.map((template) => (
              <TemplateEntry key={template.id} template={template} templates={templates} />
            ))}
          </ul>
          <DisplayOptions templates={templates} />
          <button type="button" class="text-button" onClick={() => templates.showNextWrong()}>
            <LocateFixed size={18} aria-hidden="true" />
            {said.next} <kbd>N</kbd>
          </button>
        </>
      )}
    </>
  );
}

/** What a link brings is shown only if the person wants that. */
function OfferQuestion({ templates }: { readonly templates: Templates }) {
  const offer = templates.offer.value;
  if (offer === null) return null;
  const { templates: said, common } = texts.value;
  const what =
    "image" in offer
      ? said.offered(
          offer.name || said.unnamed,
          `${offer.image.width} × ${offer.image.height}`,
          `${offer.x}, ${offer.y}`,
        )
      : said.offeredAddress(shortPath(offer.address), `${offer.x}, ${offer.y}`);
  return (
    <div class="template-offer" role="alertdialog" aria-label={said.offer}>
      <p>{what}</p>
      <div class="template-sources">
        <button type="button" class="primary" onClick={() => void templates.decide(true)}>
          {said.accept}
        </button>
        <button type="button" class="text-button" onClick={() => void templates.decide(false)}>
          {common.cancel}
        </button>
      </div>
    </div>
  );
}

function shortPath({ pathname, search }: URL): string {
  const path = `${pathname}${search}`;
  return path.length > PATH_SHOWN_MAX ? `${path.slice(0, PATH_SHOWN_MAX - 1)}…` : path;
}

function FileButton({ templates }: { readonly templates: Templates }) {
  return (
    <label class="text-button">
      <ImagePlus size={18} aria-hidden="true" />
      {texts.value.templates.open}
      <input
        type="file"
        class="visually-hidden"
        accept="image/*"
        multiple
        onChange={(event) => {
          const { currentTarget } = event;
          void templates.addFiles([...(currentTarget.files ?? [])]);
          // The same file again is a change too.
          currentTarget.value = "";
        }}
      />
    </label>
  );
}

function AddressForm({ templates }: { readonly templates: Templates }) {
  const said = texts.value.templates;
  const [typed, setTyped] = useState("");
  return (
    <details class="template-address">
      <summary>{said.fromServer}</summary>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          if (typed.trim() !== "" && (await templates.addAddress(typed.trim()))) setTyped("");
        }}
      >
        <div class="field">
          <input
            type="text"
            inputMode="url"
            value={typed}
            aria-label={said.address}
            placeholder="/…"
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <button type="submit" class="text-button">
            {said.fetch}
          </button>
        </div>
        <p class="muted">{said.onlyThisServer}</p>
      </form>
    </details>
  );
}

function DisplayOptions({ templates }: { readonly templates: Templates }) {
  const said = texts.value.templates;
  return (
    <div class="template-display">
      <fieldset class="choices" aria-label={said.style}>
        {STYLES.map((style) => (
          <button
            key={style}
            type="button"
            class="text-button"
            aria-pressed={templates.style.value === style}
            title={style === "dots" ? said.stylesHint : undefined}
            onClick={() => {
              templates.style.value = style;
            }}
          >
            {said.styles[style]}
          </button>
        ))}
      </fieldset>
      <label class="check">
        <input
          type="checkbox"
          checked={templates.marksWrong.value}
          onChange={(event) => {
            templates.marksWrong.value = event.currentTarget.checked;
          }}
        />
        {said.markWrong}
      </label>
    </div>
  );
}

/** While the panel is open an image that is dropped anywhere becomes a template. */
function useDrop(templates: Templates): void {
  useEffect(() => {
    const listeners = new AbortController();
    const options = { capture: true, signal: listeners.signal };
    const take = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.type === "drop") void templates.addFiles([...event.dataTransfer.files]);
    };
    window.addEventListener("dragover", take, options);
    window.addEventListener("drop", take, options);
    return () => listeners.abort();
  }, [templates]);
}

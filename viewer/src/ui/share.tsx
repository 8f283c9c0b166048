import { Copy, Send } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { copyText } from "../clipboard";
import {
  EMBED_SIZES,
  type EmbedSize,
  embedSnippet,
  embedUrl,
  type Framing,
  fetchFraming,
} from "../places/embed";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";
import { PictureExport } from "./picture-export";

/** A link, a picture, a frame in another page, addresses for maps. */
export function Share({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.share;
  return (
    <>
      <LinkField viewer={viewer} />
      <PictureExport viewer={viewer} />
      <details>
        <summary>{said.embed}</summary>
        <Embed viewer={viewer} />
      </details>
      <details>
        <summary>{said.maps}</summary>
        <CopyField label={said.tiles} text={`${viewer.address}/tiles/{z}/{x}/{y}.png`} />
        <CopyField label={said.tilejson} text={`${viewer.address}/tilejson.json`} />
      </details>
    </>
  );
}

function LinkField({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.share;
  const link = useLink();
  const title = nameOf(viewer);
  return (
    <CopyField label={said.link} text={link}>
      {"share" in navigator && (
        <IconButton
          icon={Send}
          label={said.send}
          // Rejects when the person changes their mind.
          onPress={() => void navigator.share({ title, url: link }).catch(() => {})}
        />
      )}
    </CopyField>
  );
}

function Embed({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.share;
  const [size, setSize] = useState<EmbedSize>("large");
  const [framing, setFraming] = useState<Framing | null>(null);
  const link = useLink();
  useEffect(() => {
    let open = true;
    fetchFraming().then(
      (found) => open && setFraming(found),
      // Nothing is said about it then.
      () => {},
    );
    return () => {
      open = false;
    };
  }, []);
  return (
    <>
      <label class="field">
        <span>{said.size}</span>
        <select value={size} onChange={(event) => setSize(event.currentTarget.value as EmbedSize)}>
          {(Object.keys(EMBED_SIZES) as EmbedSize[]).map((each) => (
            <option key={each} value={each}>
              {sizeText(each)}
            </option>
          ))}
        </select>
      </label>
      <CopyField label={said.snippet} text={embedSnippet(link, nameOf(viewer), size)} long />
      {framing !== null && (
        <p class={framing === "anyone" ? "muted" : "complaint"}>{framingText(framing)}</p>
      )}
    </>
  );
}

interface CopyFieldProps {
  readonly label: string;
  readonly text: string;
  readonly long?: boolean;
  readonly children?: ComponentChildren;
}

/** A text to be copied, or to be selected where copying isn't allowed. */
function CopyField({ label, text, long, children }: CopyFieldProps) {
  const said = texts.value.share;
  const id = `copy-${label.replace(/\W+/g, "-")}`;
  const field = {
    id,
    readOnly: true,
    value: text,
    dir: "ltr",
    spellcheck: false,
    onFocus: (event: { readonly currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
      event.currentTarget.select(),
  } as const;
  return (
    <div class="copy-field">
      <label for={id}>{label}</label>
      <div class="row">
        {long ? <textarea rows={4} {...field} /> : <input type="text" {...field} />}
        <IconButton
          icon={Copy}
          label={said.copyOf(label)}
          onPress={() => void copyText(text, said.copied)}
        />
        {children}
      </div>
    </div>
  );
}

/** The page's address with the place that is shown, as it stands in the address bar. */
function useLink(): string {
  const [link, setLink] = useState(location.href);
  // The address follows the view a moment later.
  useEffect(() => {
    const timer = setInterval(() => setLink(location.href), 500);
    return () => clearInterval(timer);
  }, []);
  return embedUrl(link, false);
}

function nameOf(viewer: Viewer): string {
  return viewer.client.info.value?.title || viewer.canvasTitle;
}

function sizeText(size: EmbedSize): string {
  const box = EMBED_SIZES[size];
  const { sizes } = texts.value.share;
  return box ? `${sizes[size]} (${box.width} × ${box.height})` : sizes[size];
}

function framingText(framing: Framing): string {
  const said = texts.value.share.framing;
  if (framing === "anyone" || framing === "nobody") return said[framing];
  return said.some(framing.join(", "));
}

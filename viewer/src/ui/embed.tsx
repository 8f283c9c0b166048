import { SquareArrowOutUpRight } from "lucide-preact";
import { render } from "preact";
import { behaveEmbedded, embedHint, embedUrl } from "../places/embed";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { Banners } from "./status";
import { ToastList } from "./toast-list";
import { ZoomButtons } from "./zoom";

/** Shows the canvas to be looked at, in a page that has to scroll on. */
export function startEmbedded(viewer: Viewer, stage: HTMLElement, panels: HTMLElement): void {
  viewer.client.viewOnly = true;
  behaveEmbedded(stage);
  render(<EmbedApp viewer={viewer} />, panels);
}

/** What stands over the canvas in another page: the zoom, and the way to the whole viewer. */
function EmbedApp({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value;
  const title = viewer.client.info.value?.title || viewer.canvasTitle;
  return (
    <div class="chrome embed">
      <div class="messages">
        <Banners viewer={viewer} />
        <ToastList />
      </div>
      <fieldset class="panel zoom" aria-label={said.zoom.label}>
        <ZoomButtons viewer={viewer} />
      </fieldset>
      <a
        class="panel embed-link"
        href={embedUrl(location.href, false)}
        target="_blank"
        rel="noopener"
        // The place that is shown by then.
        onClick={follow}
        onAuxClick={follow}
      >
        {said.embed.open(title)}
        <SquareArrowOutUpRight size={16} aria-hidden="true" />
      </a>
      {embedHint.value !== "" && <p class="embed-hint">{embedHint.value}</p>}
    </div>
  );
}

function follow({ currentTarget }: { readonly currentTarget: HTMLAnchorElement }): void {
  currentTarget.href = embedUrl(location.href, false);
}

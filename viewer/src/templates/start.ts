/**
 * What of the templates every page has: their keys, and a look at whether there are any. The rest
 * is loaded when it is wanted.
 */
import { addCommands } from "../commands";
import { togglePanel } from "../state";
import { recall } from "../storage";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Viewer } from "../viewer";
import type { Templates } from "./templates";

/** Tells canvases apart that share an origin's storage. */
export function canvasKey(viewer: Viewer): string {
  const root = location.pathname.replace(/\/c\/[^/]+\/?$|\/(index\.html)?$/, "");
  return `${root}/c/${viewer.canvasTitle}`;
}

/** Where it is remembered that a canvas has templates. */
export const countKey = (canvas: string) => `templates.${canvas}`;

let loading: Promise<Templates> | null = null;

/** The templates of this page's canvas. Rejects if the server doesn't give the script. */
export function loadTemplates(viewer: Viewer): Promise<Templates> {
  loading ??= import("./templates").then(({ Templates }) => Templates.open(viewer));
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

/** Once, before the view writes its place into the page's hash. */
export function startTemplates(viewer: Viewer): void {
  const use = async (action: (templates: Templates) => void) => {
    try {
      action(await loadTemplates(viewer));
    } catch {
      toast(texts.value.common.notLoaded, "error");
    }
  };
  addCommands(
    { id: "templates", keys: ["t"], run: () => togglePanel("templates") },
    { id: "nextWrong", keys: ["n"], run: () => void use((templates) => templates.showNextWrong()) },
  );
  const followLink = () => {
    const { hash } = location;
    if (/;[tp]=/.test(hash)) void use((templates) => templates.consider(hash));
  };
  window.addEventListener("hashchange", followLink);
  followLink();
  if (recall(countKey(canvasKey(viewer))) !== null) void use(() => {});
}

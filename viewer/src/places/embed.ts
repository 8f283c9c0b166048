/** The viewer in other pages: what they need to show it, and how it behaves there. */
import { signal } from "@preact/signals";
import { shownKey } from "../commands";
import { chooseTool, tool } from "../state";
import { texts } from "../texts";

export const EMBED_SIZES = {
  small: { width: 480, height: 360 },
  large: { width: 800, height: 600 },
  fluid: null,
} as const;
export type EmbedSize = keyof typeof EMBED_SIZES;

/** Who may show the viewer in a frame. */
export type Framing = "anyone" | "nobody" | readonly string[];

const HINT_MS = 1800;

/** A page's address with `embed=1`, or without it. */
export function embedUrl(page: string, embedded: boolean): string {
  const url = new URL(page);
  if (embedded) url.searchParams.set("embed", "1");
  else url.searchParams.delete("embed");
  return url.href;
}

/** The HTML that shows a place in another page; `title` is what screen readers call it. */
export function embedSnippet(page: string, title: string, size: EmbedSize): string {
  const box = EMBED_SIZES[size];
  const style = box ? "border: 0" : "border: 0; width: 100%; aspect-ratio: 4 / 3";
  const measures = box ? ` width="${box.width}" height="${box.height}"` : "";
  return (
    `<iframe src="${escapeHtml(embedUrl(page, true))}" title="${escapeHtml(title)}"${measures}` +
    ` style="${style}" loading="lazy" allow="fullscreen"></iframe>`
  );
}

/** Reads who may show a page in a frame from its content security policy. */
export function readFraming(policy: string | null): Framing {
  const found = /(?:^|;)\s*frame-ancestors\s+([^;]*)/i.exec(policy ?? "");
  const origins = found?.[1].trim().split(/\s+/) ?? ["*"];
  if (origins.includes("*")) return "anyone";
  return origins.includes("'none'") ? "nobody" : origins;
}

/** Who may show this page in a frame. Throws where the server doesn't answer. */
export async function fetchFraming(): Promise<Framing> {
  const answer = await fetch(location.pathname, { method: "HEAD" });
  return readFraming(answer.headers.get("content-security-policy"));
}

/** What the person has to do to move the view; "" once it is known. */
export const embedHint = signal("");

/**
 * Lets the page around scroll on: the wheel zooms with Ctrl, or after a press; a finger moves the
 * view after a tap, until it is put down elsewhere. There are no tools.
 */
export function behaveEmbedded(stage: HTMLElement): void {
  document.documentElement.classList.add("is-embedded");
  tool.subscribe((id) => {
    if (id !== "pan") chooseTool("pan");
  });
  const wake = (awake: boolean) => {
    stage.classList.toggle("is-awake", awake);
    if (awake) embedHint.value = "";
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hint = (text: string) => {
    embedHint.value = text;
    clearTimeout(timer);
    timer = setTimeout(() => {
      embedHint.value = "";
    }, HINT_MS);
  };
  stage.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey || stage.classList.contains("is-awake")) return;
      event.stopPropagation();
      hint(texts.value.embed.wheel(shownKey("Mod")));
    },
    { capture: true, passive: true },
  );
  // Asleep, it leaves every finger to the page.
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"] as const) {
    stage.addEventListener(
      type,
      (event) => {
        if (event.pointerType !== "touch" || stage.classList.contains("is-awake")) return;
        event.stopPropagation();
        if (type === "pointercancel") hint(texts.value.embed.tap);
      },
      { capture: true },
    );
  }
  stage.addEventListener("click", () => wake(true));
  document.documentElement.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") wake(false);
  });
  window.addEventListener("blur", () => wake(false));
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}

/** The page on the whole screen, where the browser has that. */
import { signal } from "@preact/signals";
import { texts } from "../texts";
import { toast } from "../toasts";

export const isFullscreen = signal(false);

/** An iPhone has none for pages, a frame only where its page allows it. */
export function hasFullscreen(): boolean {
  return document.fullscreenEnabled === true;
}

export function watchFullscreen(): void {
  document.addEventListener("fullscreenchange", () => {
    isFullscreen.value = document.fullscreenElement !== null;
  });
}

export async function toggleFullscreen(): Promise<void> {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  } catch {
    toast(texts.value.zoom.noFullscreen, "warning");
  }
}

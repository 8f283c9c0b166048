/** Light or dark: as the device is set, or as the person chose. */
import { effect } from "@preact/signals";
import { theme } from "./state";

/** Puts the choice on the page, where the style sheets and the browser's own bars see it. */
export function followTheme(page: Document): void {
  const bars = [...page.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")];
  const own = bars.map((bar) => ({ bar, media: bar.media }));
  effect(() => {
    const chosen = theme.value;
    page.documentElement.dataset.theme = chosen;
    for (const { bar, media } of own) {
      const fits = media.includes(chosen);
      bar.media = chosen === "system" ? media : fits ? "all" : "not all";
    }
  });
}

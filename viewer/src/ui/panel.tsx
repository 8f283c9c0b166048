import { X } from "lucide-preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { panelOpen } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";
import type { PanelContent, PanelEntry } from "./panels";
import { Popover } from "./popover";

interface Props {
  readonly entry: PanelEntry;
  readonly viewer: Viewer;
}

/** A panel that is open: its title, and what is in it, which is loaded when it is first opened. */
export function Panel({ entry, viewer }: Props) {
  const { common } = texts.value;
  const [loaded, setLoaded] = useState<{ readonly Content: PanelContent } | "failed" | null>(null);
  const inside = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let open = true;
    entry.load(viewer).then(
      (Content) => open && setLoaded({ Content }),
      () => open && setLoaded("failed"),
    );
    return () => {
      open = false;
    };
  }, [entry, viewer]);
  // The panel got the focus when there was nothing else in it.
  useLayoutEffect(() => {
    const panel = inside.current?.parentElement;
    if (panel && document.activeElement === panel) {
      panel.querySelector<HTMLElement>("[data-first-focus]")?.focus({ preventScroll: true });
    }
  });
  const close = () => {
    panelOpen.value = null;
  };
  return (
    <Popover
      label={entry.label()}
      class={`${entry.id}-panel`}
      busy={loaded === null}
      onClose={close}
    >
      <div class="popover-head" ref={inside}>
        <h2>{entry.title?.() ?? entry.label()}</h2>
        <IconButton icon={X} label={common.close} onPress={close} />
      </div>
      {loaded === null && <p class="muted">{common.loading}</p>}
      {loaded === "failed" && <p role="alert">{common.notLoaded}</p>}
      {loaded && loaded !== "failed" && <loaded.Content viewer={viewer} />}
    </Popover>
  );
}

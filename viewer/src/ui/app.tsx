import { ChevronDown, ChevronUp, CircleQuestionMark } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { panelOpen, togglePanel } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { BudgetMeter } from "./budget";
import { ColourPicker } from "./colour-picker";
import { Help } from "./help";
import { IconButton } from "./icon-button";
import { Options } from "./options";
import { Palette } from "./palette";
import { PeopleButton, PeoplePanel } from "./people";
import { Banners, Status } from "./status";
import { ToastList } from "./toast-list";
import { Toolbar } from "./toolbar";
import { Zoom } from "./zoom";

/** All panels above the canvas. */
export function App({ viewer }: { readonly viewer: Viewer }) {
  const { client } = viewer;
  const info = client.info.value;
  // Not before WELCOME: nobody is told that they may not paint before that is known.
  const mayPaint = info === null || client.mayPaint;
  const chrome = useRef<HTMLDivElement>(null);
  useInsets(chrome, viewer);
  return (
    // biome-ignore lint/a11y: no control of its own; it only follows the presses on its buttons.
    <div class="chrome" ref={chrome} onClick={(event) => keepKeys(event, viewer)}>
      <header class="top">
        <Status viewer={viewer} />
        <div class="panel top-actions">
          <PeopleButton viewer={viewer} />
          <IconButton
            icon={CircleQuestionMark}
            label={texts.value.help.button}
            shortcut="?"
            expanded={panelOpen.value === "help"}
            onPress={() => togglePanel("help")}
          />
        </div>
      </header>
      <div class="messages">
        <Banners viewer={viewer} />
        <ToastList />
      </div>
      <Toolbar mayPaint={mayPaint} />
      {mayPaint ? (
        <Dock viewer={viewer} />
      ) : (
        <p class="panel dock view-only">{texts.value.tools.viewOnly}</p>
      )}
      <Zoom viewer={viewer} />
      {panelOpen.value === "people" && <PeoplePanel viewer={viewer} />}
      {panelOpen.value === "help" && <Help />}
    </div>
  );
}

/** Colours and the tool's options; it folds away to leave a small screen to the canvas. */
function Dock({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.options;
  const [folded, setFolded] = useState(false);
  const budget = viewer.client.budget.value;
  const info = viewer.client.info.value;
  return (
    <section class={`panel dock ${folded ? "is-folded" : ""}`} aria-label={said.section}>
      {!folded && <Palette info={info} />}
      <div class="dock-options">
        <Options />
        {budget && <BudgetMeter budget={budget} full={info?.limits.budget_pixels ?? 0} />}
      </div>
      <IconButton
        icon={folded ? ChevronUp : ChevronDown}
        label={folded ? said.unfold : said.fold}
        expanded={!folded}
        class="fold"
        onPress={() => setFolded(!folded)}
      />
      {panelOpen.value === "colour" && !folded && <ColourPicker />}
    </section>
  );
}

/** A button that was clicked must not keep the arrow keys and the space bar from the canvas. */
function keepKeys(event: MouseEvent, viewer: Viewer): void {
  const { target, detail } = event;
  const byPointer = detail > 0;
  if (!byPointer || !(target instanceof Element) || !target.closest("button")) return;
  if (!target.closest(".popover, .banners, [aria-expanded]")) viewer.focus();
}

/** Tells the camera what part of the screen the panels leave free. */
function useInsets(chrome: { current: HTMLDivElement | null }, viewer: Viewer): void {
  useEffect(() => {
    const element = chrome.current;
    if (element === null) return undefined;
    const measure = () => {
      const box = (selector: string) => element.querySelector(selector)?.getBoundingClientRect();
      const tools = box(".toolbar");
      const dock = box(".dock");
      const { clientHeight } = element;
      const vertical = tools !== undefined && tools.height > tools.width;
      viewer.setInsets({
        top: box(".top")?.bottom ?? 0,
        right: vertical ? element.clientWidth - (box(".zoom")?.left ?? element.clientWidth) : 0,
        bottom: Math.max(clientHeight - Math.min(dock?.top ?? Infinity, clientHeight), 0),
        left: vertical ? tools.right : 0,
      });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    for (const child of element.querySelectorAll(".dock, .toolbar, .top")) observer.observe(child);
    measure();
    return () => observer.disconnect();
  }, [chrome, viewer]);
}

import { ChevronDown, ChevronUp } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { coarse, narrow, paletteFolded, panelOpen, togglePanel } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { BudgetMeter } from "./budget";
import { ColourPicker } from "./colour-picker";
import { FingerSwitch } from "./finger-switch";
import { FollowingBanner } from "./following";
import { HeatLegend } from "./heat";
import { IconButton } from "./icon-button";
import { InspectCard } from "./inspect";
import { Menu, MenuButton } from "./menu";
import { MinimapPanel } from "./minimap";
import { ModeBar } from "./mode-bar";
import { Options } from "./options";
import { Palette } from "./palette";
import { Panel } from "./panel";
import { PANELS } from "./panels";
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
  const open = panelOpen.value;
  const chrome = useRef<HTMLDivElement>(null);
  useInsets(chrome, viewer);
  return (
    // biome-ignore lint/a11y: no control of its own; it only follows the presses on its buttons.
    <div
      class={`chrome ${open && open !== "colour" ? "has-popover" : ""}`}
      ref={chrome}
      onClick={(event) => keepKeys(event, viewer)}
    >
      <header class="top">
        <Status viewer={viewer} />
        <div class="panel top-actions">
          <PeopleButton viewer={viewer} />
          {narrow.value ? <MenuButton /> : <PanelButtons />}
        </div>
      </header>
      <div class="messages">
        <ModeBar />
        <FollowingBanner viewer={viewer} />
        <HeatLegend viewer={viewer} />
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
      <MinimapPanel viewer={viewer} />
      <InspectCard viewer={viewer} />
      {panelOpen.value === "people" && <PeoplePanel viewer={viewer} />}
      {panelOpen.value === "menu" && <Menu />}
      {PANELS.map(
        (entry) => entry.id === open && <Panel key={entry.id} entry={entry} viewer={viewer} />,
      )}
    </div>
  );
}

function PanelButtons() {
  return (
    <>
      {PANELS.map(({ id, icon, label, shortcut }) => (
        <IconButton
          key={id}
          icon={icon}
          label={label()}
          shortcut={shortcut}
          expanded={panelOpen.value === id}
          onPress={() => togglePanel(id)}
        />
      ))}
    </>
  );
}

/** Colours and the tool's options; it folds away to leave a small screen to the canvas. */
function Dock({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.options;
  const folded = paletteFolded.value;
  const budget = viewer.client.budget.value;
  const info = viewer.client.info.value;
  const ownPalette = info !== null && info.palette !== null;
  const choosing = panelOpen.value === "colour" && !folded && !ownPalette;
  return (
    <section class={`panel dock ${folded ? "is-folded" : ""}`} aria-label={said.section}>
      {!folded && <Palette info={info} />}
      <div class="dock-options">
        <Options viewer={viewer} />
        {budget && <BudgetMeter budget={budget} full={info?.limits.budget_pixels ?? 0} />}
      </div>
      <IconButton
        icon={folded ? ChevronUp : ChevronDown}
        label={folded ? said.unfold : said.fold}
        expanded={!folded}
        class="fold"
        shortcut="D"
        onPress={() => {
          paletteFolded.value = !folded;
        }}
      />
      {choosing ? <ColourPicker /> : coarse.value && <FingerSwitch />}
    </section>
  );
}

/** A button that was clicked must not keep the arrow keys and the space bar from the canvas. */
function keepKeys(event: MouseEvent, viewer: Viewer): void {
  const { target, detail } = event;
  const byPointer = detail > 0;
  if (!byPointer || !(target instanceof Element) || !target.closest("button")) return;
  // It has gone from its panel by what it did.
  if (!target.isConnected && panelOpen.value !== null) return;
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
      const zoom = box(".zoom");
      const { clientHeight, clientWidth } = element;
      const vertical = tools !== undefined && tools.height > tools.width;
      // Written from right to left, the two change sides.
      const [first, last] = document.dir === "rtl" ? [zoom, tools] : [tools, zoom];
      const bottom = Math.max(clientHeight - Math.min(dock?.top ?? Infinity, clientHeight), 0);
      // The panels end above it, and above what stands on it.
      const reach = clientHeight - Math.min(box(".finger-switch")?.top ?? Infinity, clientHeight);
      element.style.setProperty("--dock-reach", `${Math.max(bottom, reach)}px`);
      viewer.setInsets({
        top: box(".top")?.bottom ?? 0,
        right: vertical && last ? clientWidth - last.left : 0,
        bottom,
        left: vertical && first ? first.right : 0,
      });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    for (const child of element.querySelectorAll(".dock, .toolbar, .top")) observer.observe(child);
    measure();
    return () => observer.disconnect();
  }, [chrome, viewer]);
}

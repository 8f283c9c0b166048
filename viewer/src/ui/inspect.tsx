import { Copy, X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf, toHex } from "../canvas/colour";
import { language, texts } from "../texts";
import { toast } from "../toasts";
import { type Inspected, painterOf } from "../together/inspect";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";

const WIDTH_PX = 250;
const HEIGHT_PX = 130;
const EDGE_PX = 8;
/** So far from the middle of the pixel, beyond its own half. */
const GAP_PX = 14;
const REFRESH_MS = 10_000;

/** A card beside the pixel that is looked at closely. */
export function InspectCard({ viewer }: { readonly viewer: Viewer }) {
  const inspected = viewer.together.inspection.pixel.value;
  if (inspected === null) return null;
  return <Card key={`${inspected.x},${inspected.y}`} viewer={viewer} inspected={inspected} />;
}

interface Props {
  readonly viewer: Viewer;
  readonly inspected: Inspected;
}

function Card({ viewer, inspected }: Props) {
  const { common, inspect: said, painting } = texts.value;
  const { x, y, colour, finding, pinned } = inspected;
  const { inspection } = viewer.together;
  useTicking();
  const card = useRef<HTMLElement>(null);
  // Opened by a key: its buttons are the next that Tab comes to.
  useEffect(() => {
    if (pinned) card.current?.focus({ preventScroll: true });
    return () => {
      if (card.current?.contains(document.activeElement)) viewer.focus();
    };
  }, [pinned, viewer]);
  const when = typeof finding === "object" ? finding.when : null;
  const coordinates = `${x}, ${y}`;
  return (
    <aside
      ref={card}
      class="panel inspect-card"
      aria-label={said.label}
      tabIndex={-1}
      style={placed(viewer, x, y)}
      onPointerEnter={() => inspection.keep()}
      onPointerLeave={() => inspection.leave()}
    >
      <div class="inspect-head">
        <strong>{coordinates}</strong>
        <IconButton icon={Copy} label={said.copy} onPress={() => void copy(coordinates)} />
        <IconButton icon={X} label={common.close} onPress={() => inspection.close()} />
      </div>
      <p class="inspect-colour">
        {colour && <span class="coordinates-colour" style={{ backgroundColor: toHex(colour) }} />}
        {colour ? `${nameOf(colour)} · ${toHex(colour)}` : painting.notLoaded}
      </p>
      <p class="inspect-painter" title={when?.toLocaleString(language.value)}>
        {painterOf(finding)}
      </p>
    </aside>
  );
}

/** Above the pixel, where no finger hides it; below where there is no room. */
function placed({ camera }: Viewer, x: number, y: number) {
  const { width, height } = camera.screen;
  const [sx, sy] = camera.toScreen(x + 0.5, y + 0.5);
  const gap = GAP_PX + camera.zoom / 2;
  const left = Math.max(Math.min(sx - WIDTH_PX / 2, width - WIDTH_PX - EDGE_PX), EDGE_PX);
  const above = sy - gap - HEIGHT_PX > camera.insets.top;
  const end = above
    ? { bottom: `${Math.min(height - sy + gap, height - HEIGHT_PX)}px` }
    : { top: `${Math.max(Math.min(sy + gap, height - HEIGHT_PX), EDGE_PX)}px` };
  return { left: `${left}px`, width: `${WIDTH_PX}px`, ...end };
}

/** Has it shown anew as time goes by. */
function useTicking(): void {
  const [, setTicks] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTicks((ticks) => ticks + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
}

async function copy(text: string): Promise<void> {
  const said = texts.value.inspect;
  try {
    await navigator.clipboard.writeText(text);
    toast(said.copied(text));
  } catch {
    toast(said.notCopied, "warning");
  }
}

import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Minimap } from "../places/minimap";
import { showsMinimap } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";

const WHEEL_ZOOM_PER_PX = 0.0022;

/** The map in its corner: a press shows a place, a drag moves the view. */
export function MinimapPanel({ viewer }: { readonly viewer: Viewer }) {
  const minimap = useMemo(() => new Minimap(viewer), [viewer]);
  const element = useRef<HTMLCanvasElement>(null);
  const shown = showsMinimap.value && minimap.needed.value && viewer.client.info.value !== null;
  useLayoutEffect(() => {
    const canvas = element.current;
    if (canvas === null) return undefined;
    const listening = new AbortController();
    listen(canvas, viewer, minimap, listening.signal);
    minimap.show(canvas);
    return () => {
      listening.abort();
      minimap.show(null);
    };
  }, [shown, viewer, minimap]);
  if (!shown) return null;
  const { width, height } = minimap.size;
  return (
    <div class="panel minimap">
      <canvas
        ref={element}
        role="img"
        aria-label={texts.value.places.map}
        title={texts.value.places.map}
        style={{ width: `${width}px`, height: `${height}px` }}
      />
    </div>
  );
}

/** Where the pointer was pressed inside the frame, the frame is held there. */
function listen(
  canvas: HTMLCanvasElement,
  viewer: Viewer,
  minimap: Minimap,
  signal: AbortSignal,
): void {
  let held: readonly [dx: number, dy: number] | null = null;
  const at = (event: MouseEvent): [number, number] => {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const move = (event: PointerEvent) => {
    if (held === null) return;
    const [x, y] = minimap.toCanvas(...at(event));
    viewer.goto({ x: x + held[0], y: y + held[1], zoom: viewer.camera.zoom });
  };
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      const [x, y] = minimap.toCanvas(...at(event));
      const { camera } = viewer;
      held = minimap.inFrame(...at(event)) ? [camera.x - x, camera.y - y] : [0, 0];
      canvas.setPointerCapture(event.pointerId);
      move(event);
    },
    { signal },
  );
  canvas.addEventListener("pointermove", move, { signal });
  const end = () => {
    held = null;
  };
  canvas.addEventListener("pointerup", end, { signal });
  canvas.addEventListener("pointercancel", end, { signal });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      viewer.zoomBy(Math.exp(-event.deltaY * WHEEL_ZOOM_PER_PX));
    },
    { signal, passive: false },
  );
}

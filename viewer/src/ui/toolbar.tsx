import {
  Brush,
  Eraser,
  Hand,
  type LucideIcon,
  PaintBucket,
  Pencil,
  Pipette,
  Redo2,
  Slash,
  Square,
  SquareDashedMousePointer,
  Undo2,
} from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { TOOLS, type ToolId, type ToolInfo } from "../drawing/tools/tools";
import { announcement, chooseTool, tool } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import { CommandButton } from "./command-button";
import { IconButton } from "./icon-button";

const ICONS: Record<ToolId, LucideIcon> = {
  pan: Hand,
  pencil: Pencil,
  brush: Brush,
  line: Slash,
  rectangle: Square,
  eyedropper: Pipette,
  eraser: Eraser,
  fill: PaintBucket,
  select: SquareDashedMousePointer,
};

/** The tools. Where the person may not paint, those that paint say so instead. */
export function Toolbar({ mayPaint }: { readonly mayPaint: boolean }) {
  const said = texts.value.tools;
  const choose = (info: ToolInfo) => {
    if (info.paints && !mayPaint) {
      toast(said.viewOnly);
      return;
    }
    chooseTool(info.id);
    announcement.value = `${said[info.id].label}: ${said[info.id].hint}`;
  };
  const strip = useRef<HTMLDivElement>(null);
  const chosen = tool.value;
  // The chosen one may lie outside a narrow strip.
  useEffect(() => {
    const button = strip.current?.querySelector(`.tool-${chosen}`);
    button?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }, [chosen]);
  return (
    <div class="panel toolbar" role="toolbar" aria-label={said.toolbar}>
      <div class="tools" ref={strip}>
        {TOOLS.map((info) => (
          <IconButton
            key={info.id}
            icon={ICONS[info.id]}
            label={said[info.id].label}
            hint={info.paints && !mayPaint ? said.viewOnly : said[info.id].hint}
            shortcut={info.keys[0].toUpperCase()}
            pressed={tool.value === info.id}
            class={`tool-${info.id} ${info.paints && !mayPaint ? "is-off" : ""}`}
            onPress={() => choose(info)}
          />
        ))}
      </div>
      <div class="toolbar-undo">
        <CommandButton id="undo" icon={Undo2} />
        <CommandButton id="redo" icon={Redo2} />
      </div>
    </div>
  );
}

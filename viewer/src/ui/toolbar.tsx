import {
  Brush,
  Eraser,
  Hand,
  type LucideIcon,
  Pencil,
  Pipette,
  Slash,
  Square,
} from "lucide-preact";
import { announcement, chooseTool, tool } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import { TOOLS, type ToolId, type ToolInfo } from "../tools/tools";
import { IconButton } from "./icon-button";

const ICONS: Record<ToolId, LucideIcon> = {
  pan: Hand,
  pencil: Pencil,
  brush: Brush,
  line: Slash,
  rectangle: Square,
  eyedropper: Pipette,
  eraser: Eraser,
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
  return (
    <div class="panel toolbar" role="toolbar" aria-label={said.toolbar}>
      {TOOLS.map((info) => (
        <IconButton
          key={info.id}
          icon={ICONS[info.id]}
          label={said[info.id].label}
          hint={info.paints && !mayPaint ? said.viewOnly : said[info.id].hint}
          shortcut={info.keys[0].toUpperCase()}
          pressed={tool.value === info.id}
          class={info.paints && !mayPaint ? "is-off" : ""}
          onPress={() => choose(info)}
        />
      ))}
    </div>
  );
}

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

export const VIEW_ONLY = "You can look around here, but not paint.";

/** The tools. Where the person may not paint, those that paint say so instead. */
export function Toolbar({ mayPaint }: { readonly mayPaint: boolean }) {
  const choose = (info: ToolInfo) => {
    if (info.paints && !mayPaint) {
      toast(VIEW_ONLY);
      return;
    }
    chooseTool(info.id);
    announcement.value = `${info.label}: ${info.hint}`;
  };
  return (
    <div class="panel toolbar" role="toolbar" aria-label="Tools">
      {TOOLS.map((info) => (
        <IconButton
          key={info.id}
          icon={ICONS[info.id]}
          label={info.label}
          hint={info.paints && !mayPaint ? VIEW_ONLY : info.hint}
          shortcut={info.keys[0].toUpperCase()}
          pressed={tool.value === info.id}
          class={info.paints && !mayPaint ? "is-off" : ""}
          onPress={() => choose(info)}
        />
      ))}
    </div>
  );
}

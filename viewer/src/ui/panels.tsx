/** The panels that the buttons at the top open, in their order. */
import {
  CircleQuestionMark,
  Layers,
  type LucideIcon,
  MapPin,
  Settings2 as SettingsIcon,
  Share2,
} from "lucide-preact";
import type { ComponentType } from "preact";
import type { PanelId } from "../state";
import { loadTemplates } from "../templates/start";
import { texts } from "../texts";
import type { Viewer } from "../viewer";

export type PanelContent = ComponentType<{ readonly viewer: Viewer }>;

export interface PanelEntry {
  readonly id: PanelId;
  readonly icon: LucideIcon;
  label(): string;
  /** What stands above the panel, where that isn't the label. */
  title?(): string;
  /** The key that opens it too. */
  readonly shortcut: string;
  /** What is in it. Rejects if the server doesn't give the script. */
  load(viewer: Viewer): Promise<PanelContent>;
}

export const PANELS: readonly PanelEntry[] = [
  {
    id: "places",
    icon: MapPin,
    label: () => texts.value.places.title,
    shortcut: "g",
    load: async () => (await import("./places")).Places,
  },
  {
    id: "share",
    icon: Share2,
    label: () => texts.value.share.title,
    shortcut: "Shift+S",
    load: async () => (await import("./share")).Share,
  },
  {
    id: "templates",
    icon: Layers,
    label: () => texts.value.templates.title,
    shortcut: "t",
    load: async (viewer) => {
      const [{ TemplatesContent }, templates] = await Promise.all([
        import("./templates"),
        loadTemplates(viewer),
      ]);
      return () => <TemplatesContent templates={templates} />;
    },
  },
  {
    id: "settings",
    icon: SettingsIcon,
    label: () => texts.value.settings.button,
    shortcut: ",",
    load: async () => (await import("./settings")).Settings,
  },
  {
    id: "help",
    icon: CircleQuestionMark,
    label: () => texts.value.help.button,
    title: () => texts.value.help.title,
    shortcut: "?",
    load: async () => (await import("./help")).Help,
  },
];

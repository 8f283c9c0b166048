import { Ellipsis } from "lucide-preact";
import { panelOpen, togglePanel } from "../state";
import { texts } from "../texts";
import { IconButton } from "./icon-button";
import { PANELS } from "./panels";
import { Popover } from "./popover";

/** Opens the list of panels, where there is no room for a button of each. */
export function MenuButton() {
  const open = panelOpen.value;
  const listed = PANELS.some(({ id }) => id === open);
  return (
    <IconButton
      icon={Ellipsis}
      label={texts.value.menu.button}
      expanded={open === "menu" || listed}
      class="menu-button"
      onPress={() => togglePanel(listed && open !== null ? open : "menu")}
    />
  );
}

/** The panels by their names. */
export function Menu() {
  return (
    <Popover
      label={texts.value.menu.button}
      class="menu-panel"
      onClose={() => {
        panelOpen.value = null;
      }}
    >
      {PANELS.map(({ id, icon: Icon, label }) => (
        <button key={id} type="button" class="menu-item" onClick={() => togglePanel(id)}>
          <Icon size={20} strokeWidth={1.9} aria-hidden="true" />
          {label()}
        </button>
      ))}
    </Popover>
  );
}

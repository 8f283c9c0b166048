import type { LucideIcon } from "lucide-preact";
import { type CommandId, commands, shownKey } from "../commands";
import { texts } from "../texts";
import { IconButton } from "./icon-button";

/** A button that does what a command's key does; nothing where there is no such command. */
export function CommandButton({ id, icon }: { readonly id: CommandId; readonly icon: LucideIcon }) {
  const command = commands.value.find((each) => each.id === id);
  if (command === undefined) return null;
  const possible = command.possible?.() ?? true;
  return (
    <IconButton
      icon={icon}
      label={texts.value.commands[id]}
      shortcut={shownKey(command.keys[0])}
      disabled={!possible}
      class={possible ? "" : "is-off"}
      onPress={() => command.run()}
    />
  );
}

import { X } from "lucide-preact";
import { commands, shownKey } from "../commands";
import { panelOpen } from "../state";
import { texts } from "../texts";
import { TOOLS } from "../tools/tools";
import { IconButton } from "./icon-button";
import { Popover } from "./popover";

/** Keys that belong to the canvas as such; all others are tools' and {@link commands}. */
const KEYS = [
  ["←↑→↓", "arrows"],
  ["Enter", "enter"],
  ["Space", "space"],
  ["Alt", "alt"],
  ["Esc", "escape"],
] as const;

/** Keys and gestures. */
export function Help() {
  const { commands: said, common, help, tools } = texts.value;
  const close = () => {
    panelOpen.value = null;
  };
  return (
    <Popover label={help.button} class="help-panel" onClose={close}>
      <div class="popover-head">
        <h2>{help.title}</h2>
        <IconButton icon={X} label={common.close} onPress={close} />
      </div>
      <p class="muted">{help.gestures}</p>
      <dl class="keys">
        {TOOLS.map(({ id, keys }) => (
          <Keys key={id} keys={keys.map(shownKey)} what={tools[id].label} />
        ))}
        {KEYS.map(([keys, what]) => (
          <Keys key={what} keys={keys.split(" ")} what={help[what]} />
        ))}
        {commands.value.map(({ id, keys }) => (
          <Keys key={id} keys={keys.map(shownKey)} what={said[id]} />
        ))}
      </dl>
    </Popover>
  );
}

function Keys({ keys, what }: { readonly keys: readonly string[]; readonly what: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </div>
  );
}

import { X } from "lucide-preact";
import { panelOpen } from "../state";
import { TOOLS } from "../tools/tools";
import { IconButton } from "./icon-button";
import { Popover } from "./popover";

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["Arrows", "move the pixel cursor (with Move: the view); Shift for further"],
  ["Enter", "use the tool at the pixel cursor"],
  ["+ −", "zoom"],
  ["0", "show the whole canvas"],
  ["[ ]", "brush size"],
  ["Space", "hold and drag to move the view"],
  ["Alt", "hold and click to pick a colour"],
  ["Esc", "stop, close"],
];

/** Keys and gestures. */
export function Help() {
  const close = () => {
    panelOpen.value = null;
  };
  return (
    <Popover label="Help" class="help-panel" onClose={close}>
      <div class="popover-head">
        <h2>How to get around</h2>
        <IconButton icon={X} label="Close" onPress={close} />
      </div>
      <p class="muted">
        Mouse: the wheel zooms, the middle or right button drags. Touch: two fingers zoom and move;
        one uses the chosen tool.
      </p>
      <dl class="keys">
        {TOOLS.map(({ id, label, keys }) => (
          <div key={id}>
            <dt>
              <kbd>{keys[0].toUpperCase()}</kbd> <kbd>{keys[1]}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Popover>
  );
}

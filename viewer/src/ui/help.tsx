import { type CommandId, commands, shownKey } from "../commands";
import { TOOLS } from "../drawing/tools/tools";
import { texts } from "../texts";

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
  const { commands: said, help, tools } = texts.value;
  return (
    <>
      <p class="muted">{help.gestures}</p>
      <dl class="keys">
        {TOOLS.map(({ id, keys }) => (
          <Keys key={id} keys={keys} what={tools[id].label} />
        ))}
        {KEYS.map(([keys, what]) => (
          <Keys key={what} keys={keys.split(" ")} what={help[what]} />
        ))}
        {commands.value.map(({ id, keys }) => (
          <Keys key={id} keys={keys} what={said[id]} command={id} />
        ))}
      </dl>
    </>
  );
}

interface KeysProps {
  readonly keys: readonly string[];
  readonly what: string;
  readonly command?: CommandId;
}

function Keys({ keys, what, command }: KeysProps) {
  return (
    <div data-command={command} data-keys={keys.join(" ")}>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{shownKey(key)}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </div>
  );
}

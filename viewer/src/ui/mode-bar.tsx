import type { ComponentChildren } from "preact";
import { guide, mode } from "../mode";
import { texts } from "../texts";

/** Says what goes on besides the tools, and ends it. */
export function ModeBar() {
  const present = mode.value;
  const leading = guide.value;
  const { common } = texts.value;
  if (present) {
    return (
      <Bar text={present.text()}>
        {present.done && (
          <button type="button" class="primary" onClick={() => present.done?.()}>
            {common.done}
          </button>
        )}
        <button type="button" onClick={() => present.cancel()}>
          {common.cancel}
        </button>
      </Bar>
    );
  }
  if (leading === null) return null;
  return (
    <Bar text={leading.text()}>
      <button type="button" class="primary" onClick={() => leading.next()}>
        {common.next}
      </button>
      <button
        type="button"
        onClick={() => {
          guide.value = null;
        }}
      >
        {common.done}
      </button>
    </Bar>
  );
}

function Bar({ text, children }: { readonly text: string; readonly children: ComponentChildren }) {
  return (
    <div class="panel banner mode-bar">
      <p>{text}</p>
      <div class="banner-actions">{children}</div>
    </div>
  );
}

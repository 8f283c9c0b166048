import { Info, OctagonX, TriangleAlert, X } from "lucide-preact";
import { announcement } from "../state";
import { texts } from "../texts";
import { dismiss, type Tone, toasts } from "../toasts";

const ICONS = { info: Info, warning: TriangleAlert, error: OctagonX } satisfies Record<
  Tone,
  typeof Info
>;

/** Short messages, and the line that only screen readers get. */
export function ToastList() {
  return (
    <>
      <div class="toasts" role="log" aria-live="polite" aria-label={texts.value.common.messages}>
        {toasts.value.map(({ id, tone, text, action }) => {
          const Icon = ICONS[tone];
          return (
            <div key={id} class={`panel toast is-${tone}`}>
              <Icon size={18} aria-hidden="true" />
              <span>{text}</span>
              {action && (
                <button
                  type="button"
                  class="toast-action"
                  onClick={() => {
                    dismiss(id);
                    action.run();
                  }}
                >
                  {action.label}
                </button>
              )}
              <button
                type="button"
                aria-label={texts.value.common.dismiss}
                onClick={() => dismiss(id)}
              >
                <X size={16} aria-hidden="true" />
              </button>
            </div>
          );
        })}
      </div>
      <div class="visually-hidden" aria-live="polite" aria-atomic="true">
        {announcement.value}
      </div>
    </>
  );
}

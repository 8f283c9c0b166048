import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly class?: string;
  /** Whether what is in it is still on its way. */
  readonly busy?: boolean;
  readonly children: ComponentChildren;
  onClose(): void;
}

/** A panel above the canvas that Escape, or a press outside, closes; focus goes back then. */
export function Popover({ label, class: extra = "", busy = false, children, onClose }: Props) {
  const panel = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  // Before anything can be pressed or typed in it: the focus mustn't be taken away again.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const inside = panel.current;
    const first = inside?.querySelector<HTMLElement>("[data-first-focus]") ?? inside;
    first?.focus({ preventScroll: true });
    const outside = (event: PointerEvent) => {
      const { target } = event;
      if (!(target instanceof Node) || inside?.contains(target)) return;
      // The button that opened it closes it by itself.
      if (target instanceof Element && target.closest("[aria-expanded=true], .toast")) return;
      close.current();
    };
    document.addEventListener("pointerdown", outside, true);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      const active = document.activeElement;
      const focusWasInside = active === document.body || inside?.contains(active);
      if (focusWasInside && opener instanceof HTMLElement) opener.focus({ preventScroll: true });
    };
  }, []);
  return (
    <div
      ref={panel}
      class={`panel popover ${extra}`}
      role="dialog"
      aria-label={label}
      aria-busy={busy}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onClose();
      }}
    >
      {children}
    </div>
  );
}

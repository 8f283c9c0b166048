/** Whether Shift is held, as the last event of any kind told. */
import { signal } from "@preact/signals";

export const shiftHeld = signal(false);

/** Keeps {@link shiftHeld} right; a page that loses the focus hears of no release. */
export function listenToModifiers(): void {
  const note = ({ shiftKey }: KeyboardEvent | PointerEvent) => {
    shiftHeld.value = shiftKey;
  };
  for (const type of ["keydown", "keyup", "pointerdown", "pointermove"] as const) {
    window.addEventListener(type, note, { capture: true, passive: true });
  }
  window.addEventListener("blur", () => {
    shiftHeld.value = false;
  });
}

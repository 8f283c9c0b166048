/** Short messages that go by themselves. */
import { signal } from "@preact/signals";

export type Tone = "info" | "warning" | "error";

export interface Toast {
  readonly id: number;
  /** Of those with one topic only the latest is shown. */
  readonly topic: string;
  readonly tone: Tone;
  readonly text: string;
  readonly action?: ToastAction;
}

/** Something that can be done about what a message says; the message goes then. */
export interface ToastAction {
  readonly label: string;
  run(): void;
}

const SHOWN_MAX = 4;
const SHOWN_MS = 6000;

export const toasts = signal<readonly Toast[]>([]);
const timers = new Map<number, ReturnType<typeof setTimeout>>();
let count = 0;

/** Shows a message; it takes the place of one on the same topic, which is its text by default. */
export function toast(text: string, tone: Tone = "info", topic = text, action?: ToastAction): void {
  const same = toasts.value.find((shown) => shown.topic === topic);
  const shown: Toast = { id: same?.id ?? ++count, topic, tone, text, action };
  if (same) toasts.value = toasts.value.map((each) => (each === same ? shown : each));
  else {
    const all = [...toasts.value, shown];
    for (const { id } of all.slice(0, -SHOWN_MAX)) dismiss(id);
    toasts.value = all.slice(-SHOWN_MAX);
  }
  clearTimeout(timers.get(shown.id));
  timers.set(
    shown.id,
    setTimeout(() => dismiss(shown.id), SHOWN_MS),
  );
}

export function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  toasts.value = toasts.value.filter((shown) => shown.id !== id);
}

/** What is said to a person, in the language chosen; all of it stands in `texts/`. */
import { computed, signal } from "@preact/signals";
import { EN, type Texts } from "./texts/en";
import { RejectCode } from "./wire.gen";

/** The languages there are, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const MINUTE_S = 60;

/** Languages other than English come when they are needed. */
const LOADERS: Record<Language, () => Promise<Texts>> = {
  en: async () => EN,
  de: async () => (await import("./texts/de")).DE,
};

const loaded = signal<{ readonly language: Language; readonly texts: Texts }>({
  language: "en",
  texts: EN,
});

export const language = computed(() => loaded.value.language);
/** All texts; whatever shows one and reads it here is shown anew when the language changes. */
export const texts = computed(() => loaded.value.texts);

/** The first of the browser's languages that there is. */
export function preferredLanguage(): Language {
  const found = navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => tag in LANGUAGES);
  return (found ?? "en") as Language;
}

/** Speaks a language from now on, or the present one still if its texts don't come. */
export async function speak(language: Language): Promise<void> {
  try {
    loaded.value = { language, texts: await LOADERS[language]() };
  } catch {
    return;
  }
  document.documentElement.lang = language;
}

/** A whole number as people of the language write it. */
export function number(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(language.value, options).format(value);
}

/** Why a drawing was refused. `retryMs` 0: trying again is of no use. */
export function refusal(code: number, retryMs: number): string {
  const { refusals, refused, overBudget, retryIn } = texts.value;
  const text = refusals[code] ?? refused(code);
  if (retryMs <= 0) return code === RejectCode.RATE ? overBudget : text;
  return retryIn(text, duration(retryMs));
}

/** Why there is no connection for now. */
export function pause(code: number): string {
  return texts.value.pauses[code] ?? texts.value.noConnection;
}

/** Why the connection ended for good. */
export function closure(code: number, reason: string): string {
  return texts.value.closures[code] ?? texts.value.closed(code, reason);
}

/** A time, as after "in". */
export function duration(milliseconds: number): string {
  const { second, seconds, minutes, hours } = texts.value.durations;
  const wait = Math.ceil(milliseconds / 1000);
  if (wait < 1.5 * MINUTE_S) return wait === 1 ? second : seconds(wait);
  const long = Math.round(wait / MINUTE_S);
  return long < 90 ? minutes(long) : hours(Math.round(long / 60));
}

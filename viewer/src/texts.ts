/** What is said to a person, in the language chosen; all of it stands in `texts/`. */
import { computed, signal } from "@preact/signals";
import { forget, recall, remember } from "./storage";
import { EN, type Texts } from "./texts/en";
import { RejectCode } from "./wire/wire.gen";

/** The languages there are, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const MINUTE_S = 60;
/** Languages that are written from right to left. */
const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ks|ku|ps|sd|ug|ur|yi)\b/;

/** Languages other than English come when they are needed. */
const LOADERS: Record<Language, () => Promise<Texts>> = {
  en: async () => EN,
  de: async () => (await import("./texts/de")).DE,
};

const LANGUAGE_KEY = "language";

const loaded = signal<{ readonly language: Language; readonly texts: Texts }>({
  language: "en",
  texts: EN,
});

export const language = computed(() => loaded.value.language);
/** All texts; whatever shows one and reads it here is shown anew when the language changes. */
export const texts = computed(() => loaded.value.texts);

/** The language chosen before, or else the first of the browser's that there is. */
export function preferredLanguage(): Language {
  const wanted = [recall(LANGUAGE_KEY) ?? "", ...navigator.languages];
  const found = wanted.map((tag) => tag.split("-")[0]).find((tag) => tag in LANGUAGES);
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
  document.documentElement.dir = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
}

/** The same, by the person's own choice. */
export async function chooseLanguage(language: Language): Promise<void> {
  await speak(language);
  remember(LANGUAGE_KEY, language);
}

/** The browser's language again. */
export async function resetLanguage(): Promise<void> {
  forget(LANGUAGE_KEY);
  await speak(preferredLanguage());
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

/** A time, as after "in"; a part of a second counts as one. */
export function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const minutes = Math.round(seconds / MINUTE_S);
  const [unit, count] =
    seconds < 1.5 * MINUTE_S
      ? ["second", seconds]
      : minutes < 90
        ? ["minute", minutes]
        : ["hour", Math.round(minutes / 60)];
  return number(count as number, { style: "unit", unit: unit as string, unitDisplay: "long" });
}

import { RotateCcw } from "lucide-preact";
import {
  announcement,
  coarse,
  dataSaver,
  magnifies,
  resetSettings,
  showsCursor,
  THEMES,
  theme,
} from "../state";
import { chooseLanguage, LANGUAGES, type Language, language, resetLanguage, texts } from "../texts";
import { Switch } from "./switch";

/** What the person may have otherwise; all of it is kept in the browser. */
export function Settings() {
  const said = texts.value.settings;
  return (
    <>
      <LanguageField />
      <ThemeField />
      <Switch label={said.dataSaver} hint={said.dataSaverHint} on={dataSaver} />
      <Switch label={said.showsCursor} hint={said.showsCursorHint} on={showsCursor} />
      {coarse.value && <Switch label={said.magnifies} hint={said.magnifiesHint} on={magnifies} />}
      <p class="muted">{said.motion}</p>
      <button type="button" class="secondary" onClick={reset}>
        <RotateCcw size={18} aria-hidden="true" />
        {said.reset}
      </button>
    </>
  );
}

async function reset(): Promise<void> {
  resetSettings();
  await resetLanguage();
  announcement.value = texts.value.settings.wasReset;
}

function LanguageField() {
  return (
    <label class="field">
      <span>{texts.value.settings.language}</span>
      <select
        value={language.value}
        onChange={(event) => void chooseLanguage(event.currentTarget.value as Language)}
      >
        {Object.entries(LANGUAGES).map(([id, own]) => (
          <option key={id} value={id} lang={id}>
            {own}
          </option>
        ))}
      </select>
    </label>
  );
}

function ThemeField() {
  const said = texts.value.settings;
  return (
    <fieldset class="choice">
      <legend>{said.theme}</legend>
      <div class="segments">
        {THEMES.map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="theme"
              value={each}
              checked={theme.value === each}
              onChange={() => {
                theme.value = each;
              }}
            />
            <span>{said.themes[each]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

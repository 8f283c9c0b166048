import { Check, CloudUpload } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { texts } from "../texts";

/** Most is durable sooner, and nothing should flicker. */
const SHOWN_AFTER_MS = 400;

/** Whether own work is durable; nothing before there is any. `unsaved`: how much is not. */
export function Saving({ unsaved }: { readonly unsaved: number }) {
  const waits = unsaved > 0;
  const [painted, setPainted] = useState(false);
  const [saving, setSaving] = useState(false);
  useEffect(() => {
    setSaving(false);
    if (!waits) return undefined;
    setPainted(true);
    const timer = setTimeout(() => setSaving(true), SHOWN_AFTER_MS);
    return () => clearTimeout(timer);
  }, [waits]);
  if (!painted) return null;
  const said = texts.value.status;
  const label = saving ? said.saving : said.saved;
  const Icon = saving ? CloudUpload : Check;
  return (
    <span class={`saving ${saving ? "is-saving" : ""}`} role="img" aria-label={label} title={label}>
      <Icon size={16} strokeWidth={2.2} aria-hidden="true" />
    </span>
  );
}

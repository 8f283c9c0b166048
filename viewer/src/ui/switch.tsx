import type { Signal } from "@preact/signals";

interface Props {
  readonly label: string;
  readonly hint?: string;
  readonly on: Signal<boolean>;
}

/** Something that is on or off, with what that means below it. */
export function Switch({ label, hint, on }: Props) {
  const described = hint && `${label}-hint`.replace(/\W+/g, "-");
  return (
    <div class="switch">
      <label>
        <span>{label}</span>
        <input
          type="checkbox"
          checked={on.value}
          aria-describedby={described}
          onChange={(event) => {
            on.value = event.currentTarget.checked;
          }}
        />
      </label>
      {hint && (
        <p class="muted" id={described}>
          {hint}
        </p>
      )}
    </div>
  );
}

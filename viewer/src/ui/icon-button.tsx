import type { LucideIcon } from "lucide-preact";
import type { ComponentChildren } from "preact";

interface Props {
  readonly icon: LucideIcon;
  readonly label: string;
  /** Shown with the label when the pointer rests on it. */
  readonly hint?: string;
  /** The key that does the same. */
  readonly shortcut?: string;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly disabled?: boolean;
  readonly class?: string;
  readonly children?: ComponentChildren;
  onPress(): void;
}

/** A button with an icon and, where given, more inside. */
export function IconButton(props: Props) {
  const { icon: Icon, label, hint, shortcut, pressed, expanded, disabled, children } = props;
  const title = [label, shortcut && ` (${shortcut})`, hint && `: ${hint}`].filter(Boolean).join("");
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-keyshortcuts={shortcut}
      aria-disabled={disabled}
      title={title}
      onClick={disabled ? undefined : props.onPress}
    >
      <Icon size={20} strokeWidth={1.9} aria-hidden="true" />
      {children}
    </button>
  );
}

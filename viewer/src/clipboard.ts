/** Copying what a panel offers. */
import { texts } from "./texts";
import { toast } from "./toasts";

/** Copies a text and says so; else says what to do. Pages that aren't secure may not copy. */
export async function copyText(text: string, copied: string, failed?: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(copied, "info", "copied");
  } catch {
    toast(failed ?? texts.value.share.notCopied, "warning", "copied");
  }
}

/** How long ago something was, as people say it. */
import { language } from "../texts";

const UNITS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
] as const;

/** "3 minutes ago", "now"; what lies ahead by a clock that goes wrong was just now. */
export function ago(when: Date, now: number): string {
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
  let count = Math.max(now - when.getTime(), 0) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.round(count) < length) return format.format(-Math.round(count), unit);
    count /= length;
  }
  return format.format(-Math.round(count), "year");
}

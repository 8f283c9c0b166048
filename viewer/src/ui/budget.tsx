import { useEffect, useState } from "preact/hooks";
import type { Budget } from "../canvas/client";
import { pixelsLeft, plannedCost } from "../drawing/allowance";
import { duration, number, texts } from "../texts";

const SHORT: Intl.NumberFormatOptions = { notation: "compact", maximumFractionDigits: 1 };
/** From here on nobody counts single pixels. */
const SHORT_FROM = 100_000;

/**
 * How many pixels may be painted now, and how many what is being prepared would take. `full`: of
 * how many, 0 if unknown.
 */
export function BudgetMeter({ budget, full }: { readonly budget: Budget; readonly full: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    setNow(performance.now());
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const most = Math.max(full, budget.pixels, 1);
  const left = pixelsLeft(budget, full, now);
  const wait = budget.refillMs - (now - budget.at);
  const { budget: said } = texts.value;
  const text = wait > 0 ? said.fullIn(duration(wait)) : said.full;
  const planned = plannedCost.value;
  const shown = (pixels: number) => number(pixels, pixels < SHORT_FROM ? undefined : SHORT);
  return (
    <div class="budget" title={said.left(number(left), text)}>
      <meter min={0} max={most} value={left} low={most * 0.15} aria-label={said.label}>
        {left}
      </meter>
      <span
        class={`budget-count ${planned === null ? "" : planned > left ? "is-over" : "is-planned"}`}
      >
        {planned === null ? said.short(shown(left)) : said.planned(shown(planned), shown(left))}
      </span>
    </div>
  );
}

import { useEffect, useState } from "preact/hooks";
import type { Budget } from "../client";
import { duration } from "../texts";

const EXACT = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
/** From here on nobody counts single pixels. */
const SHORT_FROM = 100_000;

/** How many pixels may be painted now. `full`: of how many, 0 if unknown. */
export function BudgetMeter({ budget, full }: { readonly budget: Budget; readonly full: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    setNow(performance.now());
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const most = Math.max(full, budget.pixels, 1);
  const share = budget.refillMs === 0 ? 1 : Math.min((now - budget.at) / budget.refillMs, 1);
  const left = Math.floor(budget.pixels + (most - budget.pixels) * Math.max(share, 0));
  const wait = budget.refillMs - (now - budget.at);
  const text = wait > 0 ? `full in ${duration(wait)}` : "full";
  return (
    <div class="budget" title={`${EXACT.format(left)} pixels to paint, ${text}`}>
      <meter min={0} max={most} value={left} low={most * 0.15} aria-label="Pixels to paint">
        {left}
      </meter>
      <span class="budget-count">{(left < SHORT_FROM ? EXACT : SHORT).format(left)} px</span>
    </div>
  );
}

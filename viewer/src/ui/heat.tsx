import { LocateFixed, X } from "lucide-preact";
import { shownKey } from "../commands";
import { texts } from "../texts";
import { MINUTES } from "../together/activity";
import { SCALE } from "../together/heat";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";

const STEPS = SCALE.map((colour) => `rgb(${colour.join(",")})`);

/** What the colours of the heat mean, with the way to where it is hottest. */
export function HeatLegend({ viewer }: { readonly viewer: Viewer }) {
  const { together } = viewer;
  if (!together.heat.on.value) return null;
  const { commands, common, heat: said } = texts.value;
  return (
    <section class="panel heat-legend" aria-label={said.legend(MINUTES)}>
      <div class="heat-scale">
        <span>{said.legend(MINUTES)}</span>
        <span class="heat-ends">
          {said.little}
          <span class="heat-steps" aria-hidden="true">
            {STEPS.map((colour) => (
              <span key={colour} style={{ backgroundColor: colour }} />
            ))}
          </span>
          {said.much}
        </span>
      </div>
      <IconButton
        icon={LocateFixed}
        label={commands.jump}
        shortcut={shownKey("Shift+j")}
        onPress={() => together.jump()}
      />
      <IconButton
        icon={X}
        label={common.close}
        shortcut={shownKey("Shift+h")}
        onPress={() => together.heat.toggle()}
      />
    </section>
  );
}

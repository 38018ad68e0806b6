// What one can choose of the chart: how far back, which indicators, adjusted or as traded, which scale.

import { prefer, preferences } from "../../app/preferences";
import { palette } from "../../ui/palette";
import { OVERLAYS } from "./indicators";
import { RANGES, type Range } from "./ranges";

export function Ranges({ range }: { range: Range }) {
  return (
    <fieldset class="market-segments">
      <legend class="visually-hidden">Range</legend>
      {RANGES.map((each) => (
        <button
          key={each}
          type="button"
          class="button"
          aria-pressed={each === range}
          onClick={() => prefer({ range: each })}
        >
          {each}
        </button>
      ))}
    </fieldset>
  );
}

export interface ScalesProps {
  readonly adjusted: boolean;
  readonly adjust: (adjusted: boolean) => void;
  readonly logarithmic: boolean;
  readonly scale: (logarithmic: boolean) => void;
}

export function Scales({ adjusted, adjust, logarithmic, scale }: ScalesProps) {
  return (
    <div class="market-segments">
      <button
        type="button"
        class="button"
        aria-pressed={adjusted}
        title="Splits and dividends taken out; else prices as they were traded"
        onClick={() => adjust(!adjusted)}
      >
        Adjusted
      </button>
      <button
        type="button"
        class="button"
        aria-pressed={logarithmic}
        title="Equal distances are equal changes in per cent"
        onClick={() => scale(!logarithmic)}
      >
        Log
      </button>
    </div>
  );
}

export function Overlays() {
  const { overlays } = preferences.value;
  const scheme = palette.value;
  return (
    <fieldset class="market-overlays">
      <legend class="visually-hidden">Indicators</legend>
      {OVERLAYS.map(({ key, name, title, colour, style }) => (
        <label key={key} class="market-chip" title={title}>
          <input
            type="checkbox"
            checked={overlays.includes(key)}
            onChange={(event) => prefer({ overlays: toggled(overlays, key, event.currentTarget.checked) })}
          />
          <span class="market-swatch" style={{ borderTop: `2px ${style} ${scheme[colour]}` }} aria-hidden="true" />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

function toggled(chosen: readonly string[], key: string, wanted: boolean): readonly string[] {
  return wanted ? [...chosen, key] : chosen.filter((each) => each !== key);
}

// A headline number. It can't be shown without what it is to be compared with: `baseline` is no option.

import type { ComponentChildren } from "preact";

export interface FigureProps {
  readonly label: string;
  readonly value: ComponentChildren;
  /** What doing nothing clever scores on the same days, or the interval that the value may lie in. */
  readonly baseline: { readonly label: string; readonly value: ComponentChildren };
  /** Over what, and what it does not say. */
  readonly note?: ComponentChildren;
  /** Whether the value is on the right side of its baseline, if that can be said. */
  readonly verdict?: "better" | "worse" | "even" | undefined;
}

const WORDS = { better: "▲ better than", worse: "▼ worse than", even: "≈ like" } as const;

export function Figure({ label, value, baseline, note, verdict }: FigureProps) {
  return (
    <div class={`figure ${verdict ? `figure-${verdict}` : ""}`}>
      <dt>{label}</dt>
      <dd class="figure-value num">{value}</dd>
      <dd class="figure-baseline">
        {verdict ? <span class="figure-verdict">{WORDS[verdict]} </span> : null}
        {baseline.label} <span class="num">{baseline.value}</span>
      </dd>
      {note && <dd class="figure-note">{note}</dd>}
    </div>
  );
}

/** Several of them. */
export function Figures({ children }: { children: ComponentChildren }) {
  return <dl class="figures">{children}</dl>;
}

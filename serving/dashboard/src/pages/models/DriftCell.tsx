// The drift verdict of one ticker, asked for when its row comes into sight: a release may have hundreds.

import { useEffect, useRef, useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { LivePerformance } from "../../api/types";
import { LevelBadge } from "../../ui/verdict";

export function DriftCell({ ticker }: { ticker: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [seen, see] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (element === null || seen) return;
    const watching = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) see(true);
    });
    watching.observe(element);
    return () => watching.disconnect();
  }, [seen]);
  return <span ref={place}>{seen ? <Asked ticker={ticker} /> : "…"}</span>;
}

function Asked({ ticker }: { ticker: string }) {
  const { answer, error } = useResource<LivePerformance>(`/v1/models/${encodeURIComponent(ticker)}/live`);
  if (answer !== null) return <DriftVerdict live={answer.data} />;
  if (error === null) return <span class="muted">…</span>;
  return (
    <span class="muted" title={error.message}>
      {error.notReady ? "nothing live yet" : "not known"}
    </span>
  );
}

export function DriftVerdict({ live }: { live: LivePerformance }) {
  if (live.drift === null)
    return (
      <span class="muted" title={live.why ?? ""}>
        too early to say
      </span>
    );
  return (
    <LevelBadge level={live.drift.drifted ? "bad" : "ok"}>{live.drift.drifted ? "drifts" : "no drift"}</LevelBadge>
  );
}

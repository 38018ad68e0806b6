// What the live engine has measured in its run: by the stream once a second, else as the metrics have it.

import type { ComponentChildren } from "preact";
import type { Figures as EngineFigures } from "../../api/types";
import { count, milliseconds } from "../../format/numbers";
import { connection, engineStatus } from "../../live/store";
import { Figure, Figures } from "../../ui/figure";
import { Age, Empty } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { BACKLOG_LIMIT, figuresOf, LATENCY_LIMIT_MS } from "./health";
import { newest } from "./recording";

export function EnginePanel() {
  const told = engineStatus.value;
  const read = newest.value;
  const live = told?.message.figures ?? null;
  const figures = live ?? (read && figuresOf(read.said));
  const at = live !== null && told !== null ? told.at : (read?.at ?? null);
  return (
    <Panel title="Live engine" aside={figures && <Age at={at} label="told" />}>
      {figures === null ? (
        <Nothing connected={connection.value.state === "live" || read !== null} />
      ) : (
        <Measured of={figures} />
      )}
    </Panel>
  );
}

function Nothing({ connected }: { connected: boolean }) {
  if (!connected)
    return (
      <Empty title="Nothing is known of an engine">
        <p>Neither the stream nor the metrics have been heard by this page.</p>
      </Empty>
    );
  return (
    <Empty title="No engine has spoken yet">
      <p>
        <code>stock-assets live</code> starts a feed and an engine. Until then REST answers from the release.
      </p>
    </Empty>
  );
}

function Measured({ of }: { of: EngineFigures }) {
  return (
    <>
      <Figures>
        <Figure
          label="Tick to messages, p99"
          value={milliseconds(of.latency_p99_ms)}
          baseline={{ label: "the alarm's", value: milliseconds(LATENCY_LIMIT_MS) }}
          verdict={beside(of.latency_p99_ms, LATENCY_LIMIT_MS)}
          note="of the last thousand turns"
        />
        <Figure
          label="Tick to messages, median"
          value={milliseconds(of.latency_p50_ms)}
          baseline={{ label: "p99", value: milliseconds(of.latency_p99_ms) }}
        />
        <Figure
          label="Ticks that wait"
          value={count(of.backlog)}
          baseline={{ label: "the alarm's", value: count(BACKLOG_LIMIT) }}
          verdict={beside(of.backlog, BACKLOG_LIMIT)}
        />
      </Figures>
      <dl class="system-facts">
        <Fact name="Ticks taken in">{count(of.ticks)}</Fact>
        <Fact name="Predictions made">{count(of.predictions)}</Fact>
        <Fact name="Conflated" meaning="ticks passed over for a newer one of the ticker">
          {count(of.conflated)}
        </Fact>
        <Fact name="Age of the newest tick" meaning="by the feed's clock">
          {of.tick_lag_ms === null ? "not known: a replay's clock is not ours" : milliseconds(of.tick_lag_ms)}
        </Fact>
        <Fact name="Newest audit entry">{of.audit_id === null ? "none" : count(of.audit_id)}</Fact>
        <Fact name="Writing to the audit log">{milliseconds(of.audit_commit_ms)}</Fact>
        <Fact name="Engine">{of.engine}</Fact>
        <Fact name="Term" meaning="how often an engine has taken over">
          {count(of.term)}
        </Fact>
      </dl>
    </>
  );
}

function beside(value: number | null, limit: number): "better" | "worse" | undefined {
  if (value === null) return undefined;
  return value > limit ? "worse" : "better";
}

function Fact({ name, meaning, children }: { name: string; meaning?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>
        {name}
        {meaning && <span class="muted"> ({meaning})</span>}
      </dt>
      <dd class="num">{children}</dd>
    </div>
  );
}

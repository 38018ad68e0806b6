// Latencies over time, as long as the page has been open.

import { useEffect, useMemo, useState } from "preact/hooks";
import { milliseconds } from "../../format/numbers";
import { time } from "../../format/time";
import { engineStatus } from "../../live/store";
import { type Line, Lines } from "../../ui/lines";
import { median } from "../models/metrics";
import { LATENCY_LIMIT_MS } from "./health";
import { type Point, points, RECORDED_EVERY_MS } from "./recording";

// The plot is made anew with each drawing: no oftener than a person would look.
const DRAWN_EVERY_MS = 6_000;
const FEWEST = 3;

export function OverTime() {
  const [drawn, draw] = useState<readonly Point[]>(points.peek());
  const few = drawn.length < FEWEST;
  useEffect(() => {
    const every = few ? RECORDED_EVERY_MS : DRAWN_EVERY_MS;
    const timer = setInterval(() => document.visibilityState === "visible" && draw(points.peek()), every);
    return () => clearInterval(timer);
  }, [few]);
  return (
    <section>
      <h3>Since the page was opened</h3>
      {few ? <p class="system-none system-chart-room">Collecting: a point every 2 s…</p> : <Chart of={drawn} />}
      <Delays of={drawn} />
    </section>
  );
}

function Chart({ of }: { of: readonly Point[] }) {
  const x = useMemo(() => of.map((point) => point.at), [of]);
  const lines = useMemo(() => linesOf(of), [of]);
  const newest = of.at(-1);
  const description =
    `The engine's latency from a tick to its messages since ${time((of[0]?.at ?? 0) * 1_000)}: now the median is ` +
    `${milliseconds(newest?.p50)} and p99 ${milliseconds(newest?.p99)}.`;
  return <Lines description={description} x={x} lines={lines} time height={220} write={milliseconds} />;
}

function linesOf(of: readonly Point[]): readonly Line[] {
  return [
    { label: "engine, p99", values: of.map((point) => point.p99), colour: "s2" },
    { label: "engine, median", values: of.map((point) => point.p50), colour: "s1" },
    { label: "alarm", values: of.map(() => LATENCY_LIMIT_MS), colour: "muted", dashed: true, width: 1 },
  ];
}

function Delays({ of }: { of: readonly Point[] }) {
  const ticks = of.flatMap(({ tick }) => (tick === null ? [] : [tick]));
  const words = of.flatMap(({ engine }) => (engine === null ? [] : [engine]));
  const replayed = engineStatus.value !== null && engineStatus.value.message.figures?.tick_lag_ms === null;
  return (
    <>
      <dl class="system-facts">
        <div>
          <dt>Tick to this page</dt>
          <dd class="num">{ticks.length === 0 ? whyNoTicks(replayed) : `median ${milliseconds(median(ticks))}`}</dd>
        </div>
        <div>
          <dt>Engine's word to this page</dt>
          <dd class="num">{words.length === 0 ? "nothing heard yet" : `median ${milliseconds(median(words))}`}</dd>
        </div>
      </dl>
      <p class="system-foot">
        Both are between two clocks, the other machine's and this one's: a clock that is off shows here, even as less
        than nothing.
      </p>
    </>
  );
}

function whyNoTicks(replayed: boolean): string {
  return replayed ? "can't be told: a replay's ticks have the times of then" : "no tick heard yet";
}

// How often the signals were right: never without how often the direction alone would have been, and how sure that is.

import { useMemo } from "preact/hooks";
import type { SignalPerformance } from "../../api/types";
import { count, decimal, percent } from "../../format/numbers";
import { session } from "../../format/time";
import { Figure, Figures } from "../../ui/figure";
import { Lines, sessionSeconds } from "../../ui/lines";
import { Loading } from "../../ui/notes";
import type { History } from "./history";
import { chanceReach, rollingHits, windowOf } from "./rolling";

type HitRate = SignalPerformance["hits"]["buy"];

// Within so many standard errors of the base rate a hit rate says nothing.
const REACH = 1.96;

interface Props {
  readonly performance: SignalPerformance;
  readonly history: History | null;
  /** Whether there will be none: what failed is said beside the history itself. */
  readonly withoutHistory: boolean;
}

export function Hits({ performance, history, withoutHistory }: Props) {
  const { hits, trading, horizon } = performance;
  const sessions = horizon === 1 ? "one session" : `${horizon} sessions`;
  return (
    <>
      <Figures>
        <Rate name="BUY and SELL" rate={hits.both} />
        <Rate name="BUY" rate={hits.buy} />
        <Rate name="SELL" rate={hits.sell} />
      </Figures>
      <p class="muted signals-below">
        Out of sample, {session(trading.first)} to {session(trading.last)}, over {sessions}; right means that the price
        went the way that the signal said. The base rate is the share of all days that went that way: what the direction
        alone scores. {count(hits.hold)} HOLDs took no side.
      </p>
      <h3>Over time</h3>
      {history === null && withoutHistory && <p class="muted">It is drawn from the history, which is not here.</p>}
      {history === null && !withoutHistory && <Loading what="the rolling hit rate" lines={8} />}
      {history !== null && <Rolling history={history} signals={hits.both.n} base={hits.both.base_rate} />}
    </>
  );
}

function Rate({ name, rate }: { name: string; rate: HitRate }) {
  const { n, right, standard_error: error, base_rate: base } = rate;
  const known = right !== null && error !== null;
  return (
    <Figure
      label={`${name}: hit rate`}
      value={percent(right)}
      baseline={{ label: "the base rate", value: percent(base) }}
      verdict={known && base !== null ? verdict(right, error, base) : undefined}
      note={
        known ? `± ${decimal(error * 100, 1)} points (standard error), n = ${count(n)}` : "none with a known outcome"
      }
    />
  );
}

function verdict(right: number, error: number, base: number) {
  if (Math.abs(right - base) <= REACH * error) return "even";
  return right > base ? "better" : "worse";
}

/** `signals` is how many with a side were right or wrong. */
function Rolling({ history, signals, base }: { history: History; signals: number; base: number | null }) {
  const window = windowOf(signals);
  if (window === null || base === null)
    return <p class="muted">Too few signals with a side have a known outcome for a rate over time.</p>;
  return <RollingLines history={history} window={window} base={base} />;
}

function RollingLines({ history, window, base }: { history: History; window: number; base: number }) {
  const drawn = useMemo(() => {
    const { sessions, rate } = rollingHits(history.rows, window);
    const level = (value: number) => sessions.map(() => value);
    const reach = chanceReach(base, window);
    return {
      sessions,
      rate,
      x: sessions.map(sessionSeconds),
      lines: [
        { label: "Right", values: rate, colour: "s1", width: 2 },
        { label: "Base rate", values: level(base), colour: "s3", dashed: true },
        { label: "50 %", values: level(0.5), colour: "muted", dashed: true, width: 1 },
        { label: "Chance, to", values: level(base + reach), colour: "line", width: 1, unlisted: true },
        { label: "Chance, from", values: level(base - reach), colour: "line", width: 1, unlisted: true },
      ],
    };
  }, [history, window, base]);
  const last = drawn.rate.at(-1);
  if (last === undefined) return <p class="muted">Counted when enough of the history has come.</p>;
  const range = `${percent(Math.min(...drawn.rate), 0)} to ${percent(Math.max(...drawn.rate), 0)}`;
  return (
    <>
      <Lines
        sessions
        description={`Share of the ${window} newest signals that were right, ${session(drawn.sessions[0])} to ${session(drawn.sessions.at(-1))}: between ${range}, at last ${percent(last, 0)}; the base rate is ${percent(base)}.`}
        x={drawn.x}
        lines={drawn.lines}
        band={BAND}
        height={260}
        write={write}
      />
      <p class="muted">
        Each point is of the {window} newest signals with a side, between {range}. Nineteen times in twenty a window
        without skill lies in the band around the base rate.
      </p>
    </>
  );
}

const BAND = { upper: 3, lower: 4 };
const write = (value: number) => percent(value, 0);

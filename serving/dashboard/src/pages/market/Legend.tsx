// What the crosshair points at, in words: a bar, a signal that changed there, or the forecast for a session to come.
// Without a crosshair it is the newest bar.

import type { ReadonlySignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Indicators, Prediction, PriceBar } from "../../api/types";
import { change, compact, percent, price } from "../../format/numbers";
import { session as dateOf } from "../../format/time";
import { ActionBadge, Change } from "../../ui/signal";
import type { Mark } from "./changes";
import { fanOf } from "./fan";
import { readings } from "./indicators";
import { predictedOf, seenOf } from "./seen";
import { unreleased } from "./sessions";

export interface LegendProps {
  readonly ticker: string;
  readonly bars: readonly PriceBar[];
  readonly prediction: Prediction | null;
  readonly indicators: Indicators | null;
  readonly overlays: readonly string[];
  readonly marks: readonly Mark[];
  readonly hovered: ReadonlySignal<string | null>;
}

export function Legend(props: LegendProps) {
  const { ticker, bars, hovered } = props;
  const live = unreleased(seenOf(ticker).value, bars.at(-1)?.session);
  const session = hovered.value ?? live.at(-1)?.session ?? bars.at(-1)?.session ?? null;
  const places = useMemo(() => new Map(bars.map((bar, k) => [bar.session, k])), [bars]);
  if (session === null) return <div class="market-legend" />;
  const k = places.get(session);
  const at = live.findIndex((bar) => bar.session === session);
  const bar = k !== undefined ? bars[k] : live[at];
  if (bar === undefined) return <Ahead session={session} {...props} />;
  const before = k !== undefined ? bars[k - 1]?.close : (live[at]?.before ?? (live[at - 1] ?? bars.at(-1))?.close);
  return (
    <div class="market-legend num">
      <p>
        <b>{dateOf(session)}</b> <Ohlcv bar={bar} before={before} />
        {k === undefined && <Standing provisional={live[at]?.provisional ?? false} />}
      </p>
      <p>
        <MarkText mark={props.marks.find((mark) => mark.session === session)} />
        {props.indicators && readings(props.indicators, props.overlays, session).join(" · ")}
      </p>
    </div>
  );
}

/** Of a bar that no release has; as wide in either case, so that what follows stays where it is. */
function Standing({ provisional }: { provisional: boolean }) {
  if (provisional) return <span class="badge badge-warn">provisional</span>;
  return (
    <span class="badge badge-plain" title="Its session is over, and no release has it yet">
      unreleased
    </span>
  );
}

function Ohlcv({ bar, before }: { bar: PriceBar; before: number | undefined }) {
  const moved = before ? bar.close / before - 1 : null;
  return (
    <>
      <abbr title="open">O</abbr> {price(bar.open)} <abbr title="high">H</abbr> {price(bar.high)}{" "}
      <abbr title="low">L</abbr> {price(bar.low)} <abbr title="close">C</abbr> {price(bar.close)}{" "}
      <Change value={moved} text={change(moved)} /> <abbr title="volume">V</abbr> {compact(bar.volume)}{" "}
    </>
  );
}

function MarkText({ mark }: { mark: Mark | undefined }) {
  if (mark === undefined) return null;
  return (
    <>
      <ActionBadge action={mark.action} /> {percent(mark.confidence / 100, 0)}, was {mark.previous}: {mark.reason}.{" "}
    </>
  );
}

/** A session to come: what is forecast for it, or between which two it lies. */
function Ahead({ session, ticker, prediction }: LegendProps & { session: string }) {
  const made = predictedOf(ticker).value?.message ?? prediction;
  const point = made && fanOf(made).find((each) => each.session === session && each.ahead > 0);
  return (
    <div class="market-legend num">
      <p>
        <b>{dateOf(session)}</b>{" "}
        {point
          ? `forecast: median ${price(point.median)}, 50 % ${price(point.lower50)}–${price(point.upper50)}, 90 % ${price(point.lower90)}–${price(point.upper90)}`
          : "to come: the forecast names none for it, the fan is drawn straight"}
      </p>
      <p />
    </div>
  );
}

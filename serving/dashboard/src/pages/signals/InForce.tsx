// One ticker's signal in force, and what such a probability has been worth before.

import { useResource } from "../../api/resource";
import type { Calibration, Signal } from "../../api/types";
import { basisPoints, percent } from "../../format/numbers";
import { exchangeTime, session, time } from "../../format/time";
import type { Told } from "../../live/store";
import { Age, Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { ActionBadge } from "../../ui/signal";
import { binOf, sentenceOf } from "./bins";
import { AuditLink, Finality, newest } from "./force";

export function InForce({ ticker, exchange }: { ticker: string; exchange: string | null }) {
  const { answer, error, loading, reload } = useResource<Signal>(`/v1/signals/${encodeURIComponent(ticker)}`);
  const rest = answer && {
    message: answer.data,
    at: answer.receivedAt - (answer.ageSeconds ?? 0) * 1_000,
  };
  const told = newest(ticker, rest);
  return (
    <Panel title="In force" class="signals-force" aside={told && <Age at={told.at} label="told" />}>
      {error && <Failure what={`signal of ${ticker}`} error={error} retry={reload} stale={told !== null} />}
      {told === null && loading && <Loading what="the signal" lines={3} />}
      {told && <Now told={told} exchange={exchange} />}
    </Panel>
  );
}

function Now({ told: { message }, exchange }: { told: Told<Signal>; exchange: string | null }) {
  return (
    <>
      <dl class="signals-now">
        <Part name="Signal" value={<ActionBadge action={message.action} />} />
        <Part name="Before" value={message.previous} />
        <Part name="Confidence" value={percent(message.confidence / 100)} />
        <Part name="Edge before costs" value={basisPoints(message.edge_bp)} />
        <Part name="Session" value={session(message.session)} />
        <Part name="Made" value={<span title={exchangeTime(message.at, exchange)}>{time(message.at)}</span>} />
        <Part name="State" value={<Finality provisional={message.provisional} />} />
        <Part name="Trail" value={<AuditLink signal={message} />} />
      </dl>
      <p class="signals-why">{message.reason}</p>
      <Before signal={message} />
    </>
  );
}

function Part({ name, value }: { name: string; value: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="num">{value}</dd>
    </div>
  );
}

/** How often forecasts of about the same probability came true. */
function Before({ signal }: { signal: Signal }) {
  const { answer } = useResource<Calibration>(`/v1/models/${encodeURIComponent(signal.ticker)}/calibration`);
  if (answer === null) return <p class="muted">&nbsp;</p>;
  // A HOLD takes no side: its confidence does not tell which way is the likelier.
  if (signal.action === "HOLD")
    return <p class="muted">A HOLD takes no side, so there is nothing to be right about.</p>;
  const up = signal.action === "BUY" ? signal.confidence / 100 : 1 - signal.confidence / 100;
  const bin = binOf(answer.data.reliability, up);
  return (
    <p class="muted">
      {bin
        ? `${sentenceOf(bin)}, out of sample.`
        : `It never said a P(up) of ${percent(up)} out of sample: how often such a forecast comes true is not known.`}
    </p>
  );
}

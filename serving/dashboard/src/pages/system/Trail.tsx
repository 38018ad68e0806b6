// One entry of the audit log and the way from it back to the bars.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { AuditTrail } from "../../api/types";
import { basisPoints, change, count, percent, price } from "../../format/numbers";
import { session, time } from "../../format/time";
import { Copyable } from "../../ui/copy";
import { Failure, Loading } from "../../ui/notes";
import { ActionBadge } from "../../ui/signal";
import { LevelBadge } from "../../ui/verdict";
import { LineageList } from "../models/Lineage";
import type { Links } from "../models/links";

export interface TrailProps {
  readonly id: number;
  readonly links: Links | null;
  readonly open: (id: number) => void;
  readonly close: () => void;
}

export function Trail({ id, links, open, close }: TrailProps) {
  const { answer, error, loading, reload } = useResource<AuditTrail>(`/v1/audit/${id}`);
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever opened it is taken there; it stands below the list.
  useEffect(() => heading.current?.focus(), [id]);
  const of = answer?.data;
  return (
    <section class="system-trail">
      <header class="system-chart-head">
        <h3 tabIndex={-1} ref={heading}>
          Entry {count(id)}
          {of && `: ${of.kind}`}
        </h3>
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </header>
      {error && <Failure what={`entry ${id}`} error={error} retry={reload} stale={answer !== null} />}
      {of === undefined && loading && <Loading what={`entry ${id}`} lines={12} />}
      {of && (
        <div class="system-trail-body">
          <Said of={of} open={open} />
          <Chain of={of} />
          <Made of={of} links={links} />
        </div>
      )}
    </section>
  );
}

function Said({ of, open }: { of: AuditTrail; open: (id: number) => void }) {
  const forecast = of.forecast ?? of.prediction;
  return (
    <section>
      <h4>What was said</h4>
      <dl class="system-facts">
        {of.signal && <SignalFacts of={of.signal} />}
        {forecast && <ForecastFacts of={forecast} />}
        {of.outcome && (
          <Fact name={`What came by ${session(of.outcome.target_session)}`}>
            {change(Math.expm1(of.outcome.realised))}
          </Fact>
        )}
      </dl>
      <p class="system-ways">
        <Jump to={of.earlier} text="← the one before" open={open} />
        <Jump to={of.later} text="the one after →" open={open} />
        <Jump to={of.forecast_entry} text="its forecast" open={open} />
        <Jump to={of.outcome_entry} text="its outcome" open={open} />
      </p>
    </section>
  );
}

function SignalFacts({ of }: { of: NonNullable<AuditTrail["signal"]> }) {
  const action = of.action;
  return (
    <>
      <Fact name={`${of.ticker}, ${session(of.session)}`}>
        {action === "BUY" || action === "SELL" || action === "HOLD" ? <ActionBadge action={action} /> : action}
      </Fact>
      <Fact name="Before it">{of.previous}</Fact>
      <Fact name="Confidence">{percent(of.confidence / 100)}</Fact>
      <Fact name="Expected edge">{basisPoints(of.edge_bp)}</Fact>
      <Fact name="Why">{of.reason}</Fact>
      <Fact name="Said at">
        {time(of.at)}
        {of.provisional && ", before the close"}
      </Fact>
    </>
  );
}

function ForecastFacts({ of }: { of: NonNullable<AuditTrail["forecast"] | AuditTrail["prediction"]> }) {
  return (
    <>
      <Fact name="For">
        {of.ticker}, the close of {session(of.target_session)}
      </Fact>
      <Fact name={`Made at a price, on ${session(of.session)}`}>{price(of.close)}</Fact>
      <Fact name="Expected return">{change(Math.expm1(of.mean), 3)}</Fact>
      <Fact name="Volatility">{percent(of.vol, 2)}</Fact>
      <Fact name="P(up)">{percent(of.p_up)}</Fact>
      <Fact name="90 % interval">
        {change(Math.expm1(of.lower_90))} to {change(Math.expm1(of.upper_90))}
      </Fact>
    </>
  );
}

function Jump(props: { to: { audit_id: number } | null; text: string; open: (id: number) => void }) {
  const { to, text, open } = props;
  if (to === null) return null;
  return (
    <button type="button" class="button" onClick={() => open(to.audit_id)}>
      {text} ({count(to.audit_id)})
    </button>
  );
}

function Chain({ of }: { of: AuditTrail }) {
  const { place } = of;
  return (
    <section>
      <h4>Its place in the chain</h4>
      <p>
        <LevelBadge level={place.genuine ? "ok" : "bad"}>{place.genuine ? "Genuine" : "Not genuine"}</LevelBadge>{" "}
        {place.genuine
          ? "Its hash, worked out again, is the stored one, and its neighbours agree."
          : "Its hash or a neighbour disagrees: verify the whole log."}
      </p>
      <dl class="system-hashes">
        <Hash name="before it" text={place.previous_sha256} />
        <Hash name="this entry" text={place.sha256} />
        {place.next_sha256 === null ? (
          <div>
            <dt>after it</dt>
            <dd>none: it was the newest</dd>
          </div>
        ) : (
          <Hash name="after it" text={place.next_sha256} />
        )}
      </dl>
      <p class="system-foot">
        Written {time(place.recorded_at)} in term {count(place.term)}; the newest entry was {count(place.newest)}.
      </p>
    </section>
  );
}

function Hash({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Copyable text={text} what={`the hash of ${name === "this entry" ? name : `the entry ${name}`}`} />
      </dd>
    </div>
  );
}

const FOUND = "the release in force still has these very bars";

function Made({ of, links }: { of: AuditTrail; links: Links | null }) {
  const { release, inputs, lineage } = of;
  return (
    <section>
      <h4>What it was made of</h4>
      {inputs && (
        <>
          <p>
            {count(inputs.bars)} bars up to {session(inputs.last_session)}:{" "}
            {inputs.found === true && <LevelBadge level="ok">{FOUND}</LevelBadge>}
            {inputs.found === false && <LevelBadge level="warn">they have been restated since</LevelBadge>}
            {inputs.found === null && "later than the release in force, which can't know them"}
          </p>
          <Copyable text={inputs.sha256} what="the digest of its bars" />
        </>
      )}
      {release && (
        <p class="system-foot">
          Release {release.release_id},{" "}
          {release.in_force ? "in force" : release.as_of === null ? "in the store no longer" : "not in force now"}.
        </p>
      )}
      {lineage && release ? (
        <LineageList lineage={lineage} release={release.release_id} links={links} />
      ) : (
        !of.outcome && <p>Its release is in the store no longer: the model's lineage went with it.</p>
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

// The signal in force: what, how sure, why, since when, and where it is written down.

import type { TickerCard } from "../../api/types";
import { pathOf } from "../../app/router";
import { basisPoints, percent } from "../../format/numbers";
import { exchangeTime, session, time } from "../../format/time";
import { Age, Empty } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { ActionBadge } from "../../ui/signal";
import { heldSince } from "./changes";
import { Missing } from "./Missing";
import { type History, useInForce } from "./market";

export function InForce({ card, history }: { card: TickerCard; history: History }) {
  const found = useInForce(card.ticker);
  return (
    <Panel title="Signal in force" class="market-inforce" aside={found && <Age at={found.at} label="told" />}>
      {found === null ? (
        <Missing what="signals" path="/v1/signals">
          <Empty title="No signal">
            <p>Neither the release nor the live engine has one of {card.ticker}.</p>
          </Empty>
        </Missing>
      ) : (
        <Told signal={found.message} card={card} history={history} />
      )}
    </Panel>
  );
}

type Signal = NonNullable<ReturnType<typeof useInForce>>["message"];

function Told({ signal, card, history }: { signal: Signal; card: TickerCard; history: History }) {
  const since = history.rows && heldSince(signal, history.rows);
  return (
    <>
      <p class="market-inforce-head">
        <ActionBadge action={signal.action} />
        <b class="num">{percent(signal.confidence / 100)}</b> confidence
      </p>
      <p class="market-inforce-state">
        {signal.provisional ? (
          <>
            <span class="badge badge-warn">provisional</span> the session is not over
          </>
        ) : (
          <>
            <span class="badge badge-plain">final</span> decided at the close
          </>
        )}
      </p>
      <p class="market-reason-now">{sentence(signal.reason)}</p>
      <dl class="market-facts">
        <dt>Expected</dt>
        <dd class="num">{basisPoints(signal.edge_bp)}</dd>
        <dt>In force since</dt>
        <dd>
          {since ? `${session(since.session)}${since.atLeast ? " or before" : ""}` : "…"}
          {signal.action !== signal.previous && `, was ${signal.previous}`}
        </dd>
        <dt>Decided</dt>
        <dd title={exchangeTime(signal.at, card.exchange)}>
          {time(signal.at)}, of the session of {session(signal.session)}
        </dd>
        <dt>Written down</dt>
        <dd>
          {signal.audit_id === null ? (
            <>with the release {signal.release_id}</>
          ) : (
            <a href={pathOf("system", String(signal.audit_id))} title={signal.audit_sha256 ?? ""}>
              as audit entry {signal.audit_id}
            </a>
          )}
        </dd>
      </dl>
    </>
  );
}

function sentence(reason: string): string {
  return `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}.`;
}

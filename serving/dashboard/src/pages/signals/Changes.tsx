// Signal changes as they come. What was in force before the page was opened is the history's.

import type { Signal } from "../../api/types";
import { pathOf } from "../../app/router";
import { count, percent } from "../../format/numbers";
import { gap, type NewsItem, news, type Told } from "../../live/store";
import { Age } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { ActionBadge } from "../../ui/signal";
import { AuditLink, Finality } from "./force";

const MOST_SHOWN = 20;

export function Changes({ ticker }: { ticker: string | null }) {
  const changes = news.value.filter((item) => isChange(item, ticker)) as Told<Signal>[];
  return (
    <Panel
      title="Changes since you opened the page"
      aside={changes.length > 0 && <span class="num">{count(changes.length)}</span>}
    >
      {gap.value !== null && <p class="signals-gap">⚠ Some may be missing: {gap.value}</p>}
      {/* Of one height, however many there are: what is below stays where it is. */}
      <div class="signals-room">
        {changes.length === 0 && <p class="muted signals-quiet">None so far: a change appears here when it comes.</p>}
        {/* Rare, and what one waits for: worth being read out. */}
        <ol class="signals-changes" aria-live="polite">
          {changes.slice(0, MOST_SHOWN).map(({ message, at }) => (
            <li key={`${message.ticker} ${message.at} ${message.audit_id}`}>
              <a class="signals-ticker" href={pathOf("signals", message.ticker)}>
                {message.ticker}
              </a>
              <span class="signals-move">
                {message.previous} <span aria-hidden="true">→</span>
                <span class="visually-hidden">to</span> <ActionBadge action={message.action} />
              </span>
              <span class="num">{percent(message.confidence / 100)}</span>
              <Finality provisional={message.provisional} />
              <span class="signals-change-reason">{message.reason}</span>
              <AuditLink signal={message} />
              {/* A live region would read out every second. */}
              <span aria-hidden="true">
                <Age at={at} label="" />
              </span>
            </li>
          ))}
        </ol>
      </div>
    </Panel>
  );
}

function isChange({ message }: NewsItem, ticker: string | null): boolean {
  if (message.type !== "signal" || message.previous === message.action) return false;
  return ticker === null || message.ticker === ticker;
}

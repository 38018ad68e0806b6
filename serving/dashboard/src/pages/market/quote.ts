// What a ticker costs and since when that is a change: the newest live price, else the last close of the release.

import type { PriceBar, TickerCard } from "../../api/types";
import { session as dateOf } from "../../format/time";
import { type LiveBar, unreleased, weekdaysBetween } from "./sessions";

export interface Quote {
  readonly price: number;
  /** A price of a session that is not in the release, or the release's last close. */
  readonly kind: "live" | "close";
  readonly session: string;
  /** Our clock (ms) when it was told, and the market's time; null for a close. */
  readonly heard: number | null;
  readonly at: string | null;
  /** The newest close before; null while it is not known. Its session is null where only the close itself was told. */
  readonly before: { readonly close: number; readonly session: string | null } | null;
  /** The simple return since then. */
  readonly change: number | null;
  /** Whether sessions may lie between `before` and this one: the change is not that of one day. */
  readonly skips: boolean;
}

/** @param bars those of the release, oldest first, or null while they are not there; all that count are the last two. */
export function quoteOf(card: TickerCard, bars: readonly PriceBar[] | null, seen: readonly LiveBar[]): Quote {
  const live = unreleased(seen, card.last_session);
  const now = live.at(-1);
  const released = { close: card.last_close, session: card.last_session };
  if (now === undefined) return quoted(card.last_close, card.last_session, bars?.at(-2) ?? null, null);
  const before = now.before === null ? (live.at(-2) ?? released) : { close: now.before, session: null };
  return quoted(now.close, now.session, before, now);
}

function quoted(price: number, session: string, before: Quote["before"], now: LiveBar | null): Quote {
  return {
    price,
    session,
    kind: now === null ? "close" : "live",
    heard: now?.heard ?? null,
    at: now?.at ?? null,
    before: before && { close: before.close, session: before.session },
    change: before && price / before.close - 1,
    skips: now !== null && before?.session != null && weekdaysBetween(before.session, session).length > 0,
  };
}

/** From which close the change is counted. */
export function sinceWhen({ before, skips }: Quote): string {
  if (before === null) return "the close before is not known yet";
  if (before.session === null) return "since the close before";
  return skips ? `since ${dateOf(before.session)}, over several days` : `since the close of ${dateOf(before.session)}`;
}

/** The change as it is written: a hundredth of a per cent is the least of it. */
export function shownChange({ change }: Quote): number | null {
  return change && Math.round(10_000 * change) / 10_000;
}

// What a client can say on the stream.

import type { Channel, Subscribe } from "../../api/types";
import type { Place } from "./frames";

// In the order in which a person thinks of them; one that is missing here doesn't compile.
const NAMED: Readonly<Record<Channel, true>> = {
  prices: true,
  predictions: true,
  signals: true,
  portfolio: true,
  alerts: true,
  status: true,
};
export const CHANNELS = Object.keys(NAMED) as readonly Channel[];

export interface Wishes {
  /** None means all. */
  readonly tickers: readonly string[];
  readonly channels: readonly Channel[];
}

/** A subscription; what is not chosen is left out, which means all of it. */
export function subscription({ tickers, channels }: Wishes, resume: Place | null = null): string {
  const said: Partial<Subscribe> = {
    type: "subscribe",
    ...(tickers.length > 0 ? { tickers: [...tickers] } : {}),
    ...(channels.length > 0 ? { channels: [...channels] } : {}),
    ...(resume === null ? {} : { resume }),
  };
  return JSON.stringify(said);
}

export function ping(id: number): string {
  return JSON.stringify({ type: "ping", id });
}

/** The list with the value, or without it if it was there. */
export function toggled<T>(list: readonly T[], value: T): readonly T[] {
  return list.includes(value) ? list.filter((each) => each !== value) : [...list, value];
}

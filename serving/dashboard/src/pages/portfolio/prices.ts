// The newest price of each ticker: live where one has been heard, else the release's last close.

import { useResource } from "../../api/resource";
import type { Tickers } from "../../api/types";
import { priceOf } from "../../live/store";

export interface Quote {
  readonly price: number;
  /** When it was heard, by our clock (ms); null for a close. */
  readonly heardAt: number | null;
  /** The session it is of. */
  readonly session: string;
}

/** A function from a ticker to its newest price. Reading it in a component redraws that with each tick. */
export function usePrices(): (ticker: string) => Quote | null {
  const { answer } = useResource<Tickers>("/v1/tickers");
  return (ticker) => {
    const live = priceOf(ticker).value;
    if (live) return { price: live.message.price, heardAt: live.at, session: live.message.session };
    const card = answer?.data.tickers.find((one) => one.ticker === ticker);
    return card ? { price: card.last_close, heardAt: null, session: card.last_session } : null;
  };
}

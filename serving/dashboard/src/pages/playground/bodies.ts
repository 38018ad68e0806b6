// What a request's body can be made of, and what is wrong with one.

import type { Prices } from "../../api/types";

/** Bars as `POST /v1/predictions/{ticker}` takes them, one a line. */
export function barsOf({ bars }: Pick<Prices, "bars">): string {
  const lines = bars.map(({ session, open, high, low, close, volume }) =>
    JSON.stringify({ session, open, high, low, close, volume }),
  );
  return `[\n  ${lines.join(",\n  ")}\n]`;
}

/** What keeps a text from being JSON, in the browser's words; null where nothing does. */
export function fault(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (error as SyntaxError).message;
  }
}

import { describe, expect, test } from "vitest";
import type { ConnectionState } from "../stream/updates";
import { type Facts, knownAt, standingOf } from "./liveStanding";

const START = 1_800_000_000_000;

function standing(
  state: ConnectionState,
  { reason = "", forMs = 60_000, ...more }: Partial<Facts> & { reason?: string; forMs?: number } = {},
) {
  const connection = { state, reason, since: START, retryAt: null };
  return standingOf({ connection, notLiveSince: START, hasNumbers: true, now: START + forMs, ...more });
}

test("nothing is to be said while the page is live", () => {
  expect(standing("live", { notLiveSince: null })).toBeNull();
});

test.each(["connecting", "waiting", "stale"] as const)(
  "%s is not spoken of at once, then until it is over",
  (state) => {
    expect(standing(state, { forMs: 999 })).toBeNull();
    expect(standing(state, { forMs: 1_000 })).not.toBeNull();
    expect(standing(state, { forMs: 86_400_000 })).not.toBeNull();
  },
);

test("the end is spoken of at once, and what helps is to load the page anew", () => {
  expect(standing("ended", { forMs: 0, reason: "The server has another version." })).toEqual({
    tone: "bad",
    title: "Not live any more",
    reason: "The server has another version.",
    remedy: "reload",
    said: "Not live any more. The server has another version.",
  });
});

describe("for who hears the page", () => {
  test("one try after another is one thing, said once", () => {
    const told = [
      standing("connecting", { forMs: 2_000, reason: "The connection was cut." }),
      standing("waiting", { forMs: 3_000, reason: "The server can't be reached." }),
      standing("connecting", { forMs: 4_000, reason: "The server can't be reached." }),
    ];

    expect(new Set(told.map((each) => each?.said))).toEqual(new Set(["Not connected. What you see is from before."]));
  });

  test("whether there is anything to see is said with it", () => {
    expect(standing("waiting", { hasNumbers: false })?.said).toBe(
      "Not connected. There is nothing to show from before.",
    );
  });
});

test("a server without news is not asked again: it will tell by itself", () => {
  expect(standing("stale", { reason: "Valkey does not answer" })).toMatchObject({
    title: "No news",
    reason: "Valkey does not answer",
    remedy: null,
  });
});

describe("as of when everything was known", () => {
  const told = { reason: "", since: START, retryAt: null };

  test("is when the server told it", () => {
    expect(knownAt({ ...told, state: "waiting" }, START - 5_000)).toBe(START - 5_000);
    expect(knownAt({ ...told, state: "live" }, START + 5_000)).toBe(START + 5_000);
  });

  test("is when the server itself had news for the last time, whenever it told them", () => {
    expect(knownAt({ ...told, state: "stale" }, START + 5_000)).toBe(START);
  });

  test("is never where nothing was told", () => {
    expect(knownAt({ ...told, state: "stale" }, null)).toBeNull();
  });
});

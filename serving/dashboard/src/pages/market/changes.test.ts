import { describe, expect, it } from "vitest";
import type { Action, SignalRow } from "../../api/types";
import { changesOf, heldSince } from "./changes";

/** One row a day of March, newest first. */
function history(...actions: Action[]): readonly SignalRow[] {
  return actions.map((action, k) => ({
    session: `2012-03-${String(actions.length - k).padStart(2, "0")}`,
    target_session: "2012-04-01",
    action,
    confidence: 55,
    edge_bp: 8,
    vol: 0.01,
    p_up: 0.55,
    lower_90: -0.02,
    lower_50: -0.01,
    upper_50: 0.01,
    upper_90: 0.02,
    reason: "",
    realised: null,
  }));
}

describe("changes of action", () => {
  it("are where a row differs from the one before it in time", () => {
    const changes = changesOf(history("HOLD", "HOLD", "BUY", "BUY", "HOLD"));

    expect(changes.map(({ session, previous, action }) => [session, previous, action])).toEqual([
      ["2012-03-04", "BUY", "HOLD"],
      ["2012-03-02", "HOLD", "BUY"],
    ]);
  });

  it("do not count the oldest row", () => {
    expect(changesOf(history("BUY"))).toEqual([]);
  });
});

describe("the signal in force", () => {
  const held = { action: "BUY", previous: "BUY", session: "2012-03-05" } as const;

  it("holds since its own session if it changed there", () => {
    expect(heldSince({ ...held, previous: "HOLD" }, history("BUY", "BUY"))).toEqual({
      session: "2012-03-05",
      atLeast: false,
    });
  });

  it("holds since the first of its run in the history", () => {
    expect(heldSince(held, history("BUY", "BUY", "HOLD"))).toEqual({ session: "2012-03-02", atLeast: false });
  });

  it("is not known to hold since a history that ends sessions before it", () => {
    const later = { ...held, session: "2012-04-26" };

    expect(heldSince(later, history("BUY", "BUY", "HOLD"))).toEqual({ session: "2012-04-26", atLeast: true });
  });

  it("may hold for longer than the history goes back", () => {
    expect(heldSince(held, history("BUY", "BUY"))).toEqual({ session: "2012-03-01", atLeast: true });
  });

  it("may hold for longer than its own session where the history ends with another action", () => {
    expect(heldSince(held, history("HOLD"))).toEqual({ session: "2012-03-05", atLeast: true });
  });
});

import { expect, test } from "vitest";
import { CHANNELS, ping, subscription, toggled } from "./messages";

test("a subscription to everything names nothing", () => {
  expect(JSON.parse(subscription({ tickers: [], channels: [] }))).toEqual({ type: "subscribe" });
});

test("a subscription names what was chosen, and where to resume", () => {
  const place = { epoch: "e1", last_seq: 7, release_id: "r1" };

  const said = subscription({ tickers: ["AAPL"], channels: ["signals"] }, place);

  expect(JSON.parse(said)).toEqual({ type: "subscribe", tickers: ["AAPL"], channels: ["signals"], resume: place });
});

test("every channel can be chosen", () => {
  expect([...CHANNELS].sort()).toEqual(["alerts", "portfolio", "predictions", "prices", "signals", "status"]);
});

test("a ping has its number", () => {
  expect(JSON.parse(ping(3))).toEqual({ type: "ping", id: 3 });
});

test("a choice is taken back by choosing it again", () => {
  expect(toggled(toggled(["a"], "b"), "a")).toEqual(["b"]);
});

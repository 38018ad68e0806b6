import { expect, test } from "vitest";
import { chanceReach, rollingHits, windowOf } from "./rolling";
import { row } from "./rows.testing";

const day = (k: number) => `2012-01-${String(k).padStart(2, "0")}`;

test("each point is of the window's newest signals that were right or wrong; others are passed over", () => {
  const oldestFirst = [
    row({ session: day(1), realised: 0.01 }),
    row({ session: day(2), action: "HOLD" }),
    row({ session: day(3), realised: -0.01 }),
    row({ session: day(4), realised: 0 }),
    row({ session: day(5), action: "SELL", realised: 0.01 }),
    row({ session: day(6), action: "SELL", realised: -0.01 }),
    row({ session: day(7), realised: null }),
  ];

  const hits = rollingHits(oldestFirst.toReversed(), 2);

  expect(hits.sessions).toEqual([day(3), day(5), day(6)]);
  expect(hits.rate).toEqual([0.5, 0, 0.5]);
});

test("agrees with counting each window by itself", () => {
  const rows = Array.from({ length: 200 }, (_, k) => row({ session: `s${k}`, realised: Math.sin(k * k + 1) }));

  const { rate } = rollingHits(rows.toReversed(), 63);

  const counted = rows
    .slice(62)
    .map((_, k) => rows.slice(k, k + 63).filter((one) => (one.realised ?? 0) > 0).length / 63);
  expect(rate).toEqual(counted);
});

test("there is none before the first window is full", () => {
  expect(rollingHits([row({}), row({})], 3)).toEqual({ sessions: [], rate: [] });
});

test("chance reaches twice the binomial error", () => {
  expect(chanceReach(0.5, 100)).toBeCloseTo(0.098, 6);
});

test("the window is the longest that leaves a line to draw", () => {
  expect([1_000, 189, 188, 95, 94].map(windowOf)).toEqual([126, 126, 63, 63, null]);
});

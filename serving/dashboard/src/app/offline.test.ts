import { expect, test } from "vitest";
import type { Known } from "../live/store";
import { price } from "../stream/testing/frames";
import { readAnswer, readKept, writeAnswer, writeKept } from "./offline";

const KNOWN: Known = {
  heardAt: 1_800_000_000_000,
  releaseId: "2012-03-01-8e40cfceccde",
  prices: [{ message: price(1), at: 1_800_000_000_000 }],
  predictions: [],
  signals: [],
  portfolio: null,
  status: null,
  alerts: [],
};

test("what was kept is what is found again", () => {
  expect(readKept(writeKept(KNOWN))).toEqual(KNOWN);
});

test.each([null, "", "{", "null", "{}", '{"format": 1}', '{"format": 1, "known": null}'])(
  "of %j nothing is shown",
  (text) => {
    expect(readKept(text)).toBeNull();
  },
);

test("what a page of another format has kept is not shown", () => {
  const other = JSON.stringify({ ...JSON.parse(writeKept(KNOWN)), format: 99 });

  expect(readKept(other)).toBeNull();
});

test("of REST's answers likewise", () => {
  const answer = { data: ["AAPL"], ageSeconds: 5, receivedAt: 1_800_000_000_000 };
  const other = JSON.stringify({ ...JSON.parse(writeAnswer(answer)), format: 99 });

  expect(readAnswer(writeAnswer(answer))).toEqual(answer);
  expect([null, "{", JSON.stringify(answer), other].map(readAnswer)).toEqual([null, null, null, null]);
});

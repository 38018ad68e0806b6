import { describe, expect, test } from "vitest";
import { alert, signal } from "../stream/testing/frames";
import { noticeOf } from "./notifications";

const ALL = { notify: true, notifyProvisional: true };
const FINAL = { notify: true, notifyProvisional: false };
const NONE = { notify: false, notifyProvisional: true };

describe("a signal that changes", () => {
  test("is told with its ticker, action, confidence and reason", () => {
    const change = signal(7, "AAPL", { action: "SELL", previous: "BUY", confidence: 61.5, reason: "the edge is gone" });

    expect(noticeOf(change, ALL)).toEqual({
      title: "AAPL: SELL",
      body: "Was BUY. Confidence 62 of 100, provisional.\nthe edge is gone",
      tag: "signal AAPL 7",
      path: "/market/AAPL",
    });
  });

  test("before the close is told only to who wants that too", () => {
    expect(noticeOf(signal(7, "AAPL", { provisional: true }), FINAL)).toBeNull();
    expect(noticeOf(signal(7, "AAPL", { provisional: false }), FINAL)?.body).toContain("Confidence 62 of 100.\n");
  });

  test("is told to nobody who has not asked for it", () => {
    expect(noticeOf(signal(7), NONE)).toBeNull();
  });

  test("has a tag of its own, the same in every tab", () => {
    const tags = [signal(7), signal(7), signal(8), signal(7, "IBM")].map((change) => noticeOf(change, ALL)?.tag);

    expect(tags).toEqual(["signal AAPL 7", "signal AAPL 7", "signal AAPL 8", "signal IBM 7"]);
  });

  test("of a ticker whose name is no path leads to its page all the same", () => {
    expect(noticeOf(signal(7, "BRK/B"), ALL)?.path).toBe("/market/BRK%2FB");
  });
});

test("a signal that is said again without a change is none", () => {
  expect(noticeOf(signal(7, "AAPL", { action: "BUY", previous: "BUY" }), ALL)).toBeNull();
});

test("an alert is no signal", () => {
  expect(noticeOf(alert("silent"), ALL)).toBeNull();
});

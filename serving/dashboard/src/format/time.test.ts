import { beforeEach, describe, expect, test, vi } from "vitest";

vi.hoisted(() => {
  // The viewer is in Berlin: neither where the exchange is nor in UTC.
  process.env.TZ = "Europe/Berlin";
});

import { writeAs } from "./locale";
import { age, exchangeTime, session, time, zoneOf } from "./time";

beforeEach(() => writeAs("en-GB"));

const NOW = Date.parse("2026-11-23T16:00:00Z");

describe("an instant", () => {
  test("of today is a time of day in the viewer's zone", () => {
    expect(time("2026-11-23T15:04:05Z", undefined, NOW)).toBe("16:04:05");
  });

  test("of another day has its date", () => {
    expect(time("2026-11-22T15:04:05Z", undefined, NOW)).toBe("22 Nov 2026, 16:04:05");
  });

  test("is of today or not by the zone that it is told in", () => {
    const late = "2026-11-23T02:30:00Z";

    expect(time(late, undefined, NOW)).toBe("03:30:00");
    expect(time(late, "America/New_York", NOW)).toBe("22 Nov 2026, 21:30:00");
  });

  test("may be given in ms", () => {
    expect(time(NOW, undefined, NOW)).toBe("17:00:00");
  });

  test.each([null, undefined, "", "soon", Number.NaN])("that is %j is a dash", (at) => {
    expect([time(at), exchangeTime(at, "XNYS")]).toEqual(["–", "–"]);
  });
});

describe("the change of the clocks", () => {
  test("happens in the viewer's zone on the viewer's day", () => {
    // Berlin ends summer time on 25 October 2026 at 01:00 UTC: the hour from two to three comes twice.
    const [before, after] = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    const now = Date.parse("2026-10-25T12:00:00Z");

    expect([time(before, undefined, now), time(after, undefined, now)]).toEqual(["02:30:00", "02:30:00"]);
  });

  test("happens at the exchange on another: New York opens at 14:30 in Berlin for a week", () => {
    const open = "2026-10-26T13:30:00Z";

    expect(time(open, undefined, Date.parse(open))).toBe("14:30:00");
    expect(time(open, zoneOf("XNYS"), Date.parse(open))).toBe("09:30:00");
  });

  test("is in the name of the exchange's zone", () => {
    writeAs("en-US");

    expect(exchangeTime("2026-07-01T13:30:00Z", "XNYS")).toMatch(/^Jul 1, 2026, 09:30:00\sAM EDT$/);
    expect(exchangeTime("2026-12-01T14:30:00Z", "XNYS")).toMatch(/^Dec 1, 2026, 09:30:00\sAM EST$/);
  });
});

describe("a session", () => {
  test("is a date of the exchange's and moves with no zone", () => {
    expect(session("2012-03-01")).toBe("1 Mar 2012");
  });

  test("that is none is a dash", () => {
    expect([session(null), session(""), session("soon"), session("2012-13-01")]).toEqual(["–", "–", "–", "–"]);
  });
});

test("an exchange that we don't know is told in UTC, and says so", () => {
  expect(exchangeTime("2026-07-01T13:30:00Z", "24/7")).toBe("1 Jul 2026, 13:30:00 UTC");
});

describe("an age", () => {
  test.each([
    [-5, "now"],
    [0, "now"],
    [1.9, "now"],
    [2, "2 s"],
    [89.4, "89 s"],
    [90, "2 min"],
    [5 * 60, "5 min"],
    [90 * 60 - 31, "89 min"],
    [90 * 60, "2 h"],
    [35 * 3_600, "35 h"],
    [36 * 3_600, "2 d"],
    [12 * 86_400, "12 d"],
  ])("of %d s is %s", (seconds, text) => {
    expect(age(seconds)).toBe(text);
  });

  test.each([null, undefined, Number.NaN])("of %s is a dash", (seconds) => {
    expect(age(seconds)).toBe("–");
  });
});

import { expect, test } from "vitest";
import { barsOf, fault } from "./bodies";

test("bars are sent as the server told them", () => {
  const bar = { session: "2012-03-01", open: 548.17, high: 548.21, low: 538.77, close: 544.47, volume: 24402800 };

  const text = barsOf({ bars: [bar, bar] });

  expect(JSON.parse(text)).toEqual([bar, bar]);
  expect(text.split("\n")).toHaveLength(4);
});

test("a text is JSON, or it is said why not", () => {
  expect(fault('{"a": 1}')).toBeNull();
  expect(fault('{"a": 1')).toMatch(/JSON/);
});

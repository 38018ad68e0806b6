import { describe, expect, test } from "vitest";
import { Lost } from "./ending";
import { readFrame } from "./reading";
import { delta, price, snapshot } from "./testing/frames";

describe("a server that is newer than this page", () => {
  test("may send frames that the page has no name for", () => {
    expect(readFrame('{"type": "weather", "sky": "blue"}')).toBeNull();
    expect(readFrame('{"type": "toString"}')).toBeNull();
  });

  test("may send messages and fields that the page has no name for", () => {
    const text = JSON.stringify({ ...delta(0, 2, price(2)), mood: 1 }).replace("[", '[{"type": "rumour"}, null, ');

    expect(readFrame(text)).toMatchObject({ type: "delta", seq: 2, messages: [price(2)] });
  });

  test("may refuse for a reason that the page has no name for", () => {
    expect(readFrame('{"type": "error", "code": "too_early", "field": "", "message": "not yet"}')).toMatchObject({
      code: "too_early",
    });
  });
});

test("what was read is what was sent", () => {
  expect(readFrame(JSON.stringify(snapshot(4, [price(1)])))).toEqual(snapshot(4, [price(1)]));
});

test.each([
  ["bytes", new ArrayBuffer(2)],
  ["no JSON", "{"],
  ["no object", "null"],
  ["no type", "{}"],
  ["a snapshot without a number", '{"type": "snapshot"}'],
  ["a delta without messages", '{"type": "delta", "seq": 1, "prev": 0}'],
  ["a delta whose number is text", '{"type": "delta", "seq": "1", "prev": 0, "messages": []}'],
])("%s is what no server of any version sends", (_, data) => {
  expect(() => readFrame(data)).toThrow(Lost);
});

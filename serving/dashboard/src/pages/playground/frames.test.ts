import { describe, expect, test } from "vitest";
import { FrameLog, MOST_FRAMES } from "./frames";

const snapshot = (seq: number, epoch = "e1") =>
  JSON.stringify({ type: "snapshot", epoch, seq, release_id: "r1", prices: [{}, {}], alerts: [] });
const delta = (seq: number) =>
  JSON.stringify({ type: "delta", prev: seq - 1, seq, messages: [{ type: "price", ticker: "AAPL" }] });

function logOf(...texts: readonly string[]): FrameLog {
  const log = new FrameLog();
  texts.forEach((text, second) => {
    log.take("received", text, second * 1_000);
  });
  return log;
}

describe("the list", () => {
  test("has the newest first", () => {
    const log = logOf(snapshot(1), delta(2));

    expect(log.list(null).map(({ number, type }) => [number, type])).toEqual([
      [2, "delta"],
      [1, "snapshot"],
    ]);
  });

  test("keeps a bounded number, and counts all", () => {
    const log = logOf(...Array.from({ length: MOST_FRAMES + 50 }, (_, k) => delta(k + 1)));

    expect(log.list(null)).toHaveLength(MOST_FRAMES);
    expect(log.list(null).at(-1)?.number).toBe(51);
    expect(log.received).toBe(MOST_FRAMES + 50);
  });

  test("can be of one type", () => {
    const log = logOf(snapshot(1), delta(2), delta(3));

    expect(log.list("delta")).toHaveLength(2);
    expect([...log.types]).toEqual(["snapshot", "delta"]);
  });

  test("says in a few words what is in a frame", () => {
    const [told, all] = logOf(snapshot(1), delta(2)).list(null);

    expect(told?.summary).toBe("seq 2 · prev 1 · 1 price AAPL");
    expect(all?.summary).toBe("seq 1 · 2 prices · 0 alerts");
  });

  test.each(["no JSON", "[]", "null", '{"type": 7}'])("takes %j for what it is", (text) => {
    expect(logOf(text).list(null)[0]).toMatchObject({ type: "no type", text });
  });

  test("counts bytes, not characters", () => {
    expect(logOf('"é"').receivedBytes).toBe(4);
  });
});

describe("the rate", () => {
  test("is of the last five seconds", () => {
    const log = logOf(...Array.from({ length: 20 }, (_, k) => delta(k + 1)));

    expect(log.rate(19_000).frames).toBe(1);
    expect(log.rate(60_000)).toEqual({ frames: 0, bytes: 0 });
  });

  test("leaves out what we sent", () => {
    const log = new FrameLog();
    log.take("sent", '{"type": "ping"}', 0);

    expect(log.rate(1)).toEqual({ frames: 0, bytes: 0 });
    expect(log.received).toBe(0);
  });
});

describe("the place to resume from", () => {
  test("is unknown before a snapshot", () => {
    expect(logOf('{"type": "hello", "epoch": "e1", "seq": 5}', delta(6)).place).toBeNull();
  });

  test("goes on with every delta", () => {
    expect(logOf(snapshot(5), delta(6)).place).toEqual({ epoch: "e1", last_seq: 6, release_id: "r1" });
  });

  test("is of the newest epoch", () => {
    expect(logOf(snapshot(5), snapshot(2, "e2")).place).toEqual({ epoch: "e2", last_seq: 2, release_id: "r1" });
  });

  test("outlives a cleared list", () => {
    const log = logOf(snapshot(5));

    log.clear();

    expect(log.list(null)).toEqual([]);
    expect(log.place?.last_seq).toBe(5);
  });
});

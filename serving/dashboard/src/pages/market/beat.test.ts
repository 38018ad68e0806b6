import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BEAT_MS, Beating, seldom } from "./beat";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance", "queueMicrotask"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("what is done seldom", () => {
  it("is done after the turn, and again when enough time has gone by", () => {
    const done: number[] = [];
    const run = seldom(250);

    run(() => done.push(1));
    expect(done).toEqual([]);
    vi.advanceTimersByTime(0);
    run(() => done.push(2));
    vi.advanceTimersByTime(249);
    expect(done).toEqual([1]);
    vi.advanceTimersByTime(1);

    expect(done).toEqual([1, 2]);
  });

  it("is done at once after a pause", () => {
    const done: number[] = [];
    const run = seldom(250);

    run(() => done.push(1));
    vi.advanceTimersByTime(1_000);
    run(() => done.push(2));
    vi.advanceTimersByTime(0);

    expect(done).toEqual([1, 2]);
  });
});

describe("a signal with a beat", () => {
  it("has the newest value at each beat and none in between", () => {
    const price = new Beating(0);
    const seen: number[] = [];
    const stop = price.cell.subscribe((value) => seen.push(value));

    for (let k = 1; k <= 10; k++) {
      price.set(k);
      vi.advanceTimersByTime(BEAT_MS / 5);
    }
    vi.advanceTimersByTime(BEAT_MS);
    stop();

    expect(seen).toEqual([0, 1, 5, 10]);
  });
});

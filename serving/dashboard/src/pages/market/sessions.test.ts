import { describe, expect, it } from "vitest";
import type { Price, PriceBar } from "../../api/types";
import { missing, sessionsUntil, unreleased, weekdaysBetween, withAnswer, withPrice } from "./sessions";

function price(session: string, at: string, value: number, volume = 100): Price {
  return {
    type: "price",
    ticker: "AAPL",
    session,
    at: `${session}T${at}Z`,
    price: value,
    volume,
    provisional: true,
  } as Price;
}

const TICKS = [
  price("2012-03-02", "15:00:00", 544),
  price("2012-03-02", "15:00:01", 547),
  price("2012-03-02", "15:00:02", 541),
  price("2012-03-02", "15:00:03", 545, 900),
];

describe("bars of live prices", () => {
  it("have the open, high, low and last of what was seen, and the newest volume", () => {
    const [bar] = TICKS.reduce<ReturnType<typeof withPrice>>((bars, tick, k) => withPrice(bars, tick, k), []);

    expect(bar).toMatchObject({ open: 544, high: 547, low: 541, close: 545, volume: 900, heard: 3 });
  });

  it("have the range that is told with the price", () => {
    const told = { ...price("2012-03-02", "15:00:00", 545), open: 544.2, high: 550, low: 540, previous_close: 544.47 };

    const [bar] = withPrice(withPrice([], price("2012-03-02", "14:59:00", 560), 0), told, 1);

    expect(bar).toMatchObject({ open: 544.2, high: 550, low: 540, close: 545, before: 544.47, provisional: true });
  });

  it("are closed when the next session begins", () => {
    const bars = withPrice(
      withPrice([], price("2012-03-02", "20:59:00", 545), 1),
      price("2012-03-05", "14:30:00", 550),
      2,
    );

    expect(bars.map(({ session, provisional }) => [session, provisional])).toEqual([
      ["2012-03-02", false],
      ["2012-03-05", true],
    ]);
  });

  it("are provisional no longer when the engine says so, although the price is the same", () => {
    const last = price("2012-03-02", "21:00:00", 545);

    const bars = withPrice(withPrice([], last, 1), { ...last, provisional: false }, 2);

    expect(bars).toMatchObject([{ provisional: false }]);
  });

  it("begin anew with each session and keep the ones before", () => {
    const bars = withPrice(
      withPrice([], price("2012-03-02", "20:59:00", 545), 1),
      price("2012-03-05", "14:30:00", 550),
      2,
    );

    expect(bars.map(({ session, open }) => [session, open])).toEqual([
      ["2012-03-02", 545],
      ["2012-03-05", 550],
    ]);
  });

  it("are the same object for a price that is late or was told before", () => {
    const bars = withPrice([], price("2012-03-02", "15:00:01", 547), 1);

    expect(withPrice(bars, price("2012-03-02", "15:00:00", 100), 2)).toBe(bars);
    expect(withPrice(bars, price("2012-03-02", "15:00:01", 547), 2)).toBe(bars);
  });

  it("forget another run of a replay", () => {
    const bars = withPrice(
      withPrice([], price("2012-03-09", "15:00:00", 545), 1),
      price("2012-03-02", "15:00:00", 541),
      2,
    );

    expect(bars.map((bar) => bar.session)).toEqual(["2012-03-02"]);
  });

  it("do not grow without end", () => {
    let bars = withPrice([], price("2012-01-01", "15:00:00", 1), 0);
    for (let day = 0; day < 300; day++) {
      const date = new Date(Date.UTC(2012, 1, 1 + day)).toISOString().slice(0, 10);
      bars = withPrice(bars, price(date, "15:00:00", day), day);
    }

    expect(bars).toHaveLength(260);
    expect(bars.at(-1)?.close).toBe(299);
  });

  it("give way to a release's own", () => {
    const bars = withPrice(withPrice([], price("2012-03-01", "15:00:00", 1), 1), price("2012-03-02", "15:00:00", 2), 2);

    expect(unreleased(bars, "2012-03-01").map((bar) => bar.session)).toEqual(["2012-03-02"]);
    expect(unreleased(bars, undefined)).toBe(bars);
  });
});

function bar(session: string, close: number): PriceBar {
  return { session, open: close, high: close, low: close, close, volume: 1 };
}

describe("bars of an answer", () => {
  const answer = {
    live: price("2012-03-06", "15:00:00", 530),
    live_bars: [bar("2012-03-02", 545), bar("2012-03-05", 533), bar("2012-03-06", 530)],
  };

  it("are closed but for the newest, which is what the live price is", () => {
    const bars = withAnswer([], answer, 7);

    expect(bars.map(({ session, close, provisional }) => [session, close, provisional])).toEqual([
      ["2012-03-02", 545, false],
      ["2012-03-05", 533, false],
      ["2012-03-06", 530, true],
    ]);
    expect(bars.at(-1)).toMatchObject({ heard: 7, at: "2012-03-06T15:00:00Z" });
  });

  it("are better than what was seen of sessions that are over, and fill what was not", () => {
    const seen = withPrice(
      withPrice([], price("2012-03-02", "15:00:00", 540), 1),
      price("2012-03-06", "14:59:00", 529),
      2,
    );

    expect(withAnswer(seen, answer, 7).map(({ close }) => close)).toEqual([545, 533, 530]);
  });

  it("leave the newest price to the stream where that is ahead, in the session or by one", () => {
    const ahead = withPrice([], price("2012-03-06", "15:00:01", 531), 8);
    const next = withPrice([], price("2012-03-07", "14:30:00", 537), 8);

    expect(withAnswer(ahead, answer, 7).map(({ close }) => close)).toEqual([545, 533, 531]);
    expect(withAnswer(next, answer, 7).map(({ close, provisional }) => [close, provisional])).toEqual([
      [545, false],
      [533, false],
      [530, false],
      [537, true],
    ]);
  });

  it("of a replay's run before are none, nor are those after its newest price", () => {
    const anew = withPrice([], price("2012-03-02", "15:00:00", 541), 9);
    const early = { ...answer, live: price("2012-03-02", "15:00:01", 542) };

    expect(withAnswer(anew, answer, 7)).toBe(anew);
    expect(withAnswer([], early, 7).map(({ session }) => session)).toEqual(["2012-03-02"]);
  });

  it("are none without a live feed", () => {
    expect(withAnswer([], { live: null, live_bars: [] }, 7)).toEqual([]);
  });

  it("may leave sessions out, which are counted", () => {
    const bars = withAnswer([], { ...answer, live_bars: answer.live_bars.slice(1) }, 7);

    expect(missing("2012-03-01", bars)).toBe(1);
    expect(missing("2012-03-02", bars)).toBe(0);
  });
});

describe("sessions to come", () => {
  it("are weekdays", () => {
    expect(sessionsUntil("2012-03-01", "2012-03-08", 5)).toEqual([
      "2012-03-02",
      "2012-03-05",
      "2012-03-06",
      "2012-03-07",
      "2012-03-08",
    ]);
  });

  it("are every day where the market never closes", () => {
    expect(sessionsUntil("2012-03-02", "2012-03-05", 3)).toEqual(["2012-03-03", "2012-03-04", "2012-03-05"]);
  });

  it("end at the target although a holiday lies in between", () => {
    const days = sessionsUntil("2012-04-05", "2012-04-12", 4);

    expect(days).toHaveLength(4);
    expect(days.at(-1)).toBe("2012-04-12");
  });

  it("between two dates leave both out", () => {
    expect(weekdaysBetween("2012-03-01", "2012-03-02")).toEqual([]);
    expect(weekdaysBetween("2012-03-01", "2012-03-06")).toEqual(["2012-03-02", "2012-03-05"]);
  });
});

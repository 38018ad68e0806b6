import { describe, expect, it } from "vitest";
import type { Price } from "../../api/types";
import { sessionsUntil, unreleased, weekdaysBetween, withPrice } from "./sessions";

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

    expect(bar).toMatchObject({ open: 544, high: 547, low: 541, close: 545, volume: 900, since: 0, heard: 3 });
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

    expect(bars).toHaveLength(60);
    expect(bars.at(-1)?.close).toBe(299);
  });

  it("give way to a release's own", () => {
    const bars = withPrice(withPrice([], price("2012-03-01", "15:00:00", 1), 1), price("2012-03-02", "15:00:00", 2), 2);

    expect(unreleased(bars, "2012-03-01").map((bar) => bar.session)).toEqual(["2012-03-02"]);
    expect(unreleased(bars, undefined)).toBe(bars);
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

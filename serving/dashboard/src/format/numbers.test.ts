import { beforeEach, describe, expect, test } from "vitest";
import { writeAs } from "./locale";
import {
  basisPoints,
  change,
  compact,
  count,
  decimal,
  milliseconds,
  percent,
  price,
  pValue,
  signed,
  simpleReturn,
} from "./numbers";

beforeEach(() => writeAs("en-US"));

describe("what is not there", () => {
  test.each([null, undefined, Number.NaN, Number.POSITIVE_INFINITY])("%s is a dash, never a zero", (value) => {
    const texts = [price, percent, change, basisPoints, decimal, signed, count, compact, milliseconds, pValue].map(
      (write) => write(value),
    );

    expect(new Set(texts)).toEqual(new Set(["–"]));
  });
});

describe("signs", () => {
  test("a minus is as wide as a figure, not a hyphen", () => {
    expect([change(-0.0123), signed(-2), basisPoints(-8.5), price(-3)]).toEqual([
      "−1.23 %",
      "−2.00",
      "−8.5 bp",
      "−3.00",
    ]);
  });

  test("a change has one either way", () => {
    expect([change(0.0123), signed(2), basisPoints(8.5)]).toEqual(["+1.23 %", "+2.00", "+8.5 bp"]);
  });

  test.each([-0.0000001, -0, 0, 0.0000001])("%d is rounded to zero, which has none", (value) => {
    expect([change(value), percent(value), decimal(value), signed(value), basisPoints(value), count(value)]).toEqual([
      "0.00 %",
      "0.0 %",
      "0.00",
      "0.00",
      "0.0 bp",
      "0",
    ]);
  });

  test("a language with a minus of its own keeps it", () => {
    writeAs("sv-SE");

    expect(signed(-2)).toBe("−2,00");
  });
});

describe("prices", () => {
  test.each([
    [545.2, "545.20"],
    [1_234.5, "1,234.50"],
    [1, "1.00"],
    [0, "0.00"],
    [0.99999, "1.0000"],
    [0.5, "0.5000"],
    [0.01, "0.0100"],
    [0.009_876_54, "0.009877"],
    [0.000_012_345_6, "0.00001235"],
  ])("%d is written %s", (value, text) => {
    expect(price(value)).toBe(text);
  });
});

describe("rounding at boundaries", () => {
  test.each([
    [0.1234, "12.3 %"],
    [0.99949, "99.9 %"],
    [1, "100.0 %"],
    [0.0005, "0.1 %"],
    [0.0004, "0.0 %"],
  ])("a share of %d is %s", (value, text) => {
    expect(percent(value)).toBe(text);
  });

  test.each([
    [0.426, "0.43 ms"],
    [9.99, "9.99 ms"],
    [9.996, "10 ms"],
    [12.4, "12 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [1_234, "1.2 s"],
  ])("%d ms are %s", (value, text) => {
    expect(milliseconds(value)).toBe(text);
  });

  test.each([
    [0, "< 0.001"],
    [0.000_999_9, "< 0.001"],
    [0.001, "0.001"],
    [0.0496, "0.050"],
    [0.9994, "0.999"],
    [0.9999, "> 0.999"],
    [1, "1.000"],
  ])("a p value of %d is %s", (value, text) => {
    expect(pValue(value)).toBe(text);
  });

  test("counts are whole, large ones short", () => {
    expect([count(1_234_567), count(2.6), compact(1_234_567), compact(950)]).toEqual(["1,234,567", "3", "1.2M", "950"]);
  });
});

test("numbers are written in the browser's language", () => {
  writeAs("de-DE");

  expect([price(1_234.5), percent(0.123), pValue(0.0001)]).toEqual(["1.234,50", "12,3 %", "< 0,001"]);
});

test("a log return is told as the change of the price that it is", () => {
  expect(simpleReturn(Math.log(1.05))).toBeCloseTo(0.05, 12);
});

import { describe, expect, test } from "vitest";
import { type Bin, binOf, domainOf, keptPromise, sentenceOf, ticksOf } from "./bins";

const bin = (changes: Partial<Bin> = {}): Bin => ({
  lower: 0.55,
  upper: 0.598,
  n: 212,
  forecast: 0.57,
  happened: 0.566,
  lower_95: 0.498,
  upper_95: 0.631,
  ...changes,
});

test("a bin says what it is", () => {
  expect(sentenceOf(bin())).toBe("When it said 55.0–59.8 %, it went up 57 % of 212 times (95 %: 50–63 %)");
});

test("a promise is kept where chance explains the difference", () => {
  expect(keptPromise(bin())).toBe(true);
  expect(keptPromise(bin({ forecast: 0.64 }))).toBe(false);
});

describe("the axes", () => {
  test("hold every point and interval, and an even chance", () => {
    expect(domainOf([bin()])).toEqual([0.45, 0.65]);
    expect(domainOf([bin({ lower_95: 0.31, upper_95: 0.97 })])).toEqual([0.3, 1]);
    expect(domainOf([])).toEqual([0.45, 0.55]);
  });

  test("have round marks, not too many", () => {
    expect(ticksOf([0.45, 0.65])).toEqual([0.45, 0.5, 0.55, 0.6, 0.65]);
    expect(ticksOf([0.3, 1])).toEqual([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    expect(ticksOf([0, 1])).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  });
});

test("a probability said now has the bin of those said before; none if it is beyond them all", () => {
  const [low, high] = [bin({ lower: 0.4, upper: 0.49 }), bin({ lower: 0.5, upper: 0.6 })];
  const found = (probability: number) => binOf([low, high], probability);

  expect(found(0.45)).toBe(low);
  expect(found(0.495)).toBe(high);
  expect(found(0.6)).toBe(high);
  expect(found(0.39)).toBe(null);
  expect(found(0.61)).toBe(null);
  expect(binOf([], 0.5)).toBe(null);
});

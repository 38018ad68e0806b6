import { describe, expect, it } from "vitest";
import { parseNumber, parsePercent, typed } from "./parse";

describe("a number that a person typed", () => {
  it.each([
    ["10", 10],
    ["  0.5 ", 0.5],
    ["12,5", 12.5],
    [".5", 0.5],
    ["5.", 5],
    ["-3", -3],
    ["−3,25", -3.25],
    ["+7", 7],
    ["1,234.5", 1234.5],
    ["1.234,5", 1234.5],
    ["1,234,567", 1234567],
    ["1.234.567", 1234567],
    ["25 000,50", 25000.5],
    ["25\u202f000", 25000],
    ["25'000.5", 25000.5],
    ["0.001", 0.001],
    ["1.2345", 1.2345],
    ["1234,567", 1234.567],
  ])("%j is %d, wherever it is read", (text, value) => {
    expect(parseNumber(text, ".")).toBe(value);
    expect(parseNumber(text, ",")).toBe(value);
  });

  it("reads three digits after the only separator as the reader's language does", () => {
    expect(parseNumber("25,000", ".")).toBe(25000);
    expect(parseNumber("25,000", ",")).toBe(25);
    expect(parseNumber("25.000", ",")).toBe(25000);
    expect(parseNumber("25.000", ".")).toBe(25);
  });

  it.each([
    "",
    " ",
    "ten",
    "1 0",
    "1,2,3",
    "1.2.3",
    "12,34.5",
    "1,234.5.6",
    "--1",
    "1e5",
    "Infinity",
    "NaN",
    ".",
    "1-",
  ])("%j is none", (text) => {
    expect(parseNumber(text, ".")).toBeNull();
    expect(parseNumber(text, ",")).toBeNull();
  });
});

describe("a share typed in per cent", () => {
  it.each([
    ["12.5", 0.125],
    ["12,5 %", 0.125],
    ["100%", 1],
    ["14.1", 0.141],
    ["0", 0],
  ])("%j is %d", (text, value) => {
    expect(parsePercent(text, ".")).toBe(value);
  });

  it.each(["%", "12 % %", "a few"])("%j is none", (text) => {
    expect(parsePercent(text, ".")).toBeNull();
  });
});

describe("a number put into a field", () => {
  it.each([0, 0.5, 544.47, 1.234, 1234.567, 25000, 1e-7, 1234567.891])("%d comes back as it was", (value) => {
    expect(parseNumber(typed(value, "."), ".")).toBe(value);
    expect(parseNumber(typed(value, ","), ",")).toBe(value);
  });
});

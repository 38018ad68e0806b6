import { describe, expect, test } from "vitest";
import { csv } from "./csv";

describe("fields", () => {
  const written = (value: string | number | null) =>
    csv(["h"], [[value]])
      .split("\r\n")
      .slice(1, -1)
      .join("\r\n");

  test.each([
    ["plain", "plain"],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["two\r\nlines", '"two\r\nlines"'],
    ["two\nlines", '"two\nlines"'],
    ["", ""],
  ])("%j is written %j", (value, text) => {
    expect(written(value)).toBe(text);
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])("text %j can't be run as a formula", (value) => {
    expect(written(value)).toBe(`'${value}`);
  });

  test("a formula with quotes is both disarmed and quoted", () => {
    expect(written('=HYPERLINK("http://x","y")')).toBe('"\'=HYPERLINK(""http://x"",""y"")"');
  });

  test.each([
    [-0.0123, "-0.0123"],
    [0.1 + 0.2, "0.30000000000000004"],
    [null, ""],
    [Number.NaN, ""],
  ])("the number %s is written %j: with a dot, all digits, nothing for none", (value, text) => {
    expect(written(value)).toBe(text);
  });
});

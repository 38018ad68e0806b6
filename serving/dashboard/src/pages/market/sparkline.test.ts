import { describe, expect, it } from "vitest";
import { sparkline, wayOf } from "./sparkline";

describe("a sparkline", () => {
  it("goes from the left to the right edge, high values up", () => {
    expect(sparkline([1, 3, 2], 80, 20)).toBe("M0 20L40 0L80 10");
  });

  it("is level where nothing moves", () => {
    expect(sparkline([5, 5], 80, 20)).toBe("M0 20L80 20");
  });

  it("is none of a single value", () => {
    expect(sparkline([5], 80, 20)).toBe("");
  });
});

describe("its way", () => {
  it("is from where it began to where it ends", () => {
    expect([wayOf([1, 5, 2]), wayOf([2, 5, 1]), wayOf([])]).toEqual(["up", "down", "up"]);
  });
});

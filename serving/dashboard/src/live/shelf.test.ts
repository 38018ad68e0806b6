import { expect, test } from "vitest";
import { overflow } from "./shelf";

test("the oldest goes until the rest fits", () => {
  const entries = [
    { key: "old", size: 40, at: 1 },
    { key: "new", size: 50, at: 3 },
    { key: "middle", size: 50, at: 2 },
  ];

  expect(overflow(entries, 140)).toEqual([]);
  expect(overflow(entries, 139)).toEqual(["old"]);
  expect(overflow(entries, 99)).toEqual(["middle"]);
});

test("one that is too large alone goes, and takes nobody along", () => {
  const entries = [
    { key: "huge", size: 1_000, at: 2 },
    { key: "small", size: 10, at: 1 },
  ];

  expect(overflow(entries, 100)).toEqual(["huge"]);
});

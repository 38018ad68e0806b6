import { describe, expect, test } from "vitest";
import { PAGES, pathOf, placeOf } from "./router";

describe("places", () => {
  test.each(PAGES)("the way to %s and back is the same page", (page) => {
    expect(placeOf(pathOf(page))).toEqual({ page, ticker: null });
    expect(placeOf(pathOf(page, "BRK.B/^X"))).toEqual({ page, ticker: "BRK.B/^X" });
  });

  test("the first page has the shortest address", () => {
    expect(pathOf("market")).toBe("/");
    expect(placeOf("/market")).toEqual(placeOf("/"));
  });

  test.each(["/nowhere", "/market/AAPL/more", "/market/%E0", "/Market"])("%s is no place", (path) => {
    expect(placeOf(path)).toBeNull();
  });
});

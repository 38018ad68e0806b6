import { describe, expect, test } from "vitest";
import { PAGES, pathOf } from "../app/router";
import { routeOf } from "./routes";

const HERE = "https://stocks.example";

function route(path: string, mode = "cors", method = "GET") {
  return routeOf(method, mode, new URL(path, HERE), HERE);
}

describe("going to a page", () => {
  test.each(PAGES.flatMap((page) => [pathOf(page), pathOf(page, "BRK/B")]))("%s is ours", (path) => {
    expect(route(path, "navigate")).toBe("page");
  });

  test.each(["/docs", "/v1/signals", "/asyncapi.json", "/markets", "/livez"])("%s is the server's", (path) => {
    expect(route(path, "navigate")).toBe("network");
  });
});

test.each(["/v1/signals", "/v1/prices/AAPL?from=2012-01-01", "/v1/csp-reports"])(
  "%s never comes from a cache",
  (path) => {
    expect(route(path)).toBe("network");
  },
);

test("files of the build are kept, those at the root are asked for first", () => {
  expect([route("/assets/index-BawT6CA9.js"), route("/boot.js"), route("/icon-192.png")]).toEqual([
    "asset",
    "file",
    "file",
  ]);
});

test("what is sent, and what is another site's, is nobody's business here", () => {
  expect(route("/market", "navigate", "POST")).toBe("network");
  expect(route("https://elsewhere.example/assets/index.js")).toBe("network");
});

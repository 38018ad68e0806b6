import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { curl, quoted } from "./curl";

// What a real shell takes a command's words to be.
function words(command: string): string[] {
  const print = 'for word in "$@"; do printf "%s\\0" "$word"; done';
  return execFileSync("sh", ["-c", `set -- ${command}\n${print}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);
}

describe("quoting", () => {
  test.each([
    "/v1/tickers",
    "http://127.0.0.1:8000/v1/prices/AAPL?from=2011-03-01&to=2012-03-01",
    "it's",
    "'; rm -rf / #",
    '$HOME `id` \\ "double"',
    "two\nlines",
    "*",
    "~",
    "",
    "BRK.B",
    "Zürich 東京",
  ])("a shell reads %j as it was", (text) => {
    expect(words(quoted(text))).toEqual([text]);
  });

  test("what needs no quotes has none", () => {
    expect(quoted("http://127.0.0.1:8000/v1/prices/AAPL")).toBe("http://127.0.0.1:8000/v1/prices/AAPL");
  });
});

describe("a command", () => {
  test("says no more than a GET needs", () => {
    const command = curl({ method: "GET", url: "http://h/v1/tickers", headers: {}, body: null });

    expect(words(command)).toEqual(["curl", "-i", "http://h/v1/tickers"]);
  });

  test("sends a body as it stands", () => {
    const body = '{\n  "name": "it\'s @here"\n}';

    const command = curl({ method: "POST", url: "http://h/x", headers: { "content-type": "application/json" }, body });

    const expected = ["curl", "-i", "-H", "content-type: application/json", "--data-raw", body, "http://h/x"];
    expect(words(command)).toEqual(expected);
  });

  test("names a method that curl would not guess", () => {
    const command = curl({ method: "DELETE", url: "http://h/x", headers: {}, body: null });

    expect(words(command)).toEqual(["curl", "-i", "-X", "DELETE", "http://h/x"]);
  });
});

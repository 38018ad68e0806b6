import { describe, expect, test } from "vitest";
import { addressOf, examplesOf, grouped, missing, type Operation, operationsOf } from "./openapi";

// As FastAPI writes them.
const DOCUMENT = {
  paths: {
    "/v1/prices/{ticker}": {
      get: {
        tags: ["prices"],
        summary: "Get Prices",
        description: "Daily bars of one ticker.",
        operationId: "get_prices",
        parameters: [
          { name: "ticker", in: "path", required: true, description: "Symbol.", schema: { examples: ["AAPL"] } },
          {
            name: "from",
            in: "query",
            required: false,
            schema: { anyOf: [{ type: "string" }, { type: "null" }], examples: ["2011-03-01"] },
          },
          { name: "limit", in: "query", required: false, schema: { type: "integer", default: 500 } },
          { name: "adjusted", in: "query", required: false, schema: { type: "boolean", default: true } },
          {
            name: "kind",
            in: "query",
            required: false,
            schema: { anyOf: [{ $ref: "#/components/schemas/Kind" }, { type: "null" }] },
          },
          { name: "if-none-match", in: "header", schema: { type: "string" } },
        ],
      },
    },
    "/v1/portfolio/rebalance": {
      post: {
        tags: ["portfolio"],
        operationId: "rebalance",
        requestBody: {
          required: true,
          description: "What is held.",
          content: { "application/json": { example: { cash: 5000 } } },
        },
      },
    },
    "/v1/predictions/{ticker}": {
      parameters: [],
      post: { tags: ["predictions"], requestBody: { content: { "application/json": { schema: {} } } } },
    },
  },
  components: { schemas: { Kind: { enum: ["forecast", "signal"] } } },
};

const found = operationsOf(DOCUMENT);
const [prices, rebalance, whatIf] = found as [Operation, Operation, Operation];

describe("the document", () => {
  test("every operation is found, and what belongs to a path as a whole is none", () => {
    expect(found.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/prices/{ticker}",
      "POST /v1/portfolio/rebalance",
      "POST /v1/predictions/{ticker}",
    ]);
  });

  test("parameters have their example, their default and their choices", () => {
    const told = prices.parameters.map(({ name, example, fallback, choices }) => [name, example, fallback, choices]);

    expect(told).toEqual([
      ["ticker", "AAPL", "", null],
      ["from", "2011-03-01", "", null],
      ["limit", "", "500", null],
      ["adjusted", "", "true", ["true", "false"]],
      ["kind", "", "", ["forecast", "signal"]],
    ]);
  });

  test("a body has its example as JSON, or none", () => {
    expect(rebalance.body?.example).toBe('{\n  "cash": 5000\n}');
    expect(whatIf.body?.example).toBe("");
    expect(prices.body).toBeNull();
  });

  test("an operation without a name goes by its method and path", () => {
    expect(whatIf.id).toBe("post /v1/predictions/{ticker}");
  });

  test.each([null, "text", [], {}, { paths: [] }])("%j has no operations", (document) => {
    expect(operationsOf(document)).toEqual([]);
  });
});

describe("a search", () => {
  test("takes every word, wherever it stands", () => {
    const named = (wanted: string) =>
      grouped(found, wanted).flatMap(({ operations }) => operations.map(({ id }) => id));

    expect(named("get DAILY")).toEqual(["get_prices"]);
    expect(named("portfolio")).toEqual(["rebalance"]);
    expect(named("daily portfolio")).toEqual([]);
    expect(named("  ")).toHaveLength(3);
  });

  test("keeps operations under their tags", () => {
    expect(grouped(found, "").map(({ tag }) => tag)).toEqual(["prices", "portfolio", "predictions"]);
  });
});

describe("examples", () => {
  test("are the document's, of a ticker that there is", () => {
    expect(examplesOf(prices, ["AAPL", "IBM"])).toMatchObject({ ticker: "AAPL", from: "2011-03-01", limit: "" });
    expect(examplesOf(prices, ["IBM", "MSFT"])).toMatchObject({ ticker: "IBM" });
  });

  test("stay the document's while no ticker is known", () => {
    expect(examplesOf(prices, [])).toMatchObject({ ticker: "AAPL" });
  });
});

describe("an address", () => {
  test("has the path filled in, and a query of what was given", () => {
    const values = { ticker: "AAPL", from: "2011-03-01", limit: " ", adjusted: "false" };

    expect(addressOf(prices, values)).toBe("/v1/prices/AAPL?from=2011-03-01&adjusted=false");
  });

  test("can't be broken out of", () => {
    expect(addressOf(prices, { ticker: "../a?b#c d", from: "x&to=y" })).toBe(
      "/v1/prices/..%2Fa%3Fb%23c%20d?from=x%26to%3Dy",
    );
  });

  test("says what it still lacks", () => {
    expect(missing(prices, { from: "2011-03-01", ticker: "  " })).toEqual(["ticker"]);
    expect(missing(prices, { ticker: "AAPL" })).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import type { Problem } from "../../api/types";
import { type Draft, errorsOf, fieldsOf, NO_OPTIONS, requestOf } from "./draft";

const ROW = { ticker: "AAPL", shares: "", price: "", weight: "" };
const DRAFT: Draft = {
  rows: [
    { ...ROW, shares: "10" },
    { ...ROW, ticker: "BRK.B", shares: "2.5" },
  ],
  cash: "25000",
  target: "risk_budgeting",
  point: null,
  options: NO_OPTIONS,
};

describe("the request of a draft", () => {
  it("leaves to the server what is empty", () => {
    expect(requestOf(DRAFT).request).toEqual({
      holdings: { AAPL: 10, "BRK.B": 2.5 },
      cash: 25000,
      target: "risk_budgeting",
    });
  });

  it("holds nothing where nothing is typed, in shares and in cash", () => {
    const { request } = requestOf({ ...DRAFT, rows: [ROW], cash: "" });

    expect(request).toEqual({ holdings: {}, cash: 0, target: "risk_budgeting" });
  });

  it("sends shares of one for what is typed in per cent, and bp as they are", () => {
    const options = { ...NO_OPTIONS, band: "0,5", upper: "40 %", turnover: "14.1", cost_bp: "1.5", lots: "100" };

    const { request } = requestOf({ ...DRAFT, options });

    expect(request).toMatchObject({ band: 0.005, upper: 0.4, turnover: 0.141, cost_bp: 1.5, lots: 100 });
    expect(request).not.toHaveProperty("slippage_bp");
  });

  it("sends the viewer's own prices only", () => {
    const { request } = requestOf({
      ...DRAFT,
      rows: [
        { ...ROW, price: "544,5" },
        { ...ROW, ticker: "IBM" },
      ],
    });

    expect(request?.prices).toEqual({ AAPL: 544.5 });
  });

  it("has the chosen point's weights as its target", () => {
    const point = { AAPL: 0.25, IBM: 0.75 };

    expect(requestOf({ ...DRAFT, target: "point", point }).request?.target).toEqual(point);
  });

  it("asks for a point where none is chosen", () => {
    expect(requestOf({ ...DRAFT, target: "point" }).errors).toMatchObject([{ field: "target" }]);
  });

  it("has weights of one's own, whose rest stays cash", () => {
    const rows = [
      { ...ROW, weight: "60" },
      { ...ROW, ticker: "IBM", weight: "14,1" },
      { ...ROW, ticker: "MSFT" },
    ];

    expect(requestOf({ ...DRAFT, target: "own", rows }).request?.target).toEqual({ AAPL: 0.6, IBM: 0.141 });
  });

  it("takes ten times ten per cent for a whole", () => {
    const rows = Array.from({ length: 10 }, (_, k) => ({ ...ROW, ticker: `T${k}`, weight: "10" }));

    expect(requestOf({ ...DRAFT, target: "own", rows }).errors).toEqual([]);
  });

  it("refuses weights that are more than a whole", () => {
    const rows = [
      { ...ROW, weight: "60" },
      { ...ROW, ticker: "IBM", weight: "40.5" },
    ];

    const { errors } = requestOf({ ...DRAFT, target: "own", rows });

    expect(errors).toEqual([{ field: "target", message: expect.stringContaining("100.5 %") }]);
  });

  it("names every field that is no number", () => {
    const { request, errors } = requestOf({
      ...DRAFT,
      rows: [{ ...ROW, shares: "ten", price: "1,2,3" }],
      cash: "much",
      options: { ...NO_OPTIONS, band: "wide" },
    });

    expect(request).toBeNull();
    expect(errors.map(({ field }) => field)).toEqual(["holdings.AAPL", "prices.AAPL", "cash", "band"]);
  });
});

describe("where an error belongs", () => {
  const problem = (...errors: Problem["errors"]): Problem => ({
    type: "/problems/invalid-request",
    title: "Invalid request",
    status: 422,
    detail: "cash: expected 0 or more, got -5",
    instance: "/v1/portfolio/rebalance",
    errors,
    known: [],
  });
  const told = (field: string) => errorsOf(problem({ field, value: "-1", expected: "0 or more" }), fieldsOf(DRAFT));

  it.each(["cash", "holdings.AAPL", "prices.BRK.B", "holdings.BRK.B", "minimum_order"])("%s has a field", (field) => {
    expect(told(field)).toEqual({ fields: [{ field, message: "Expected 0 or more, got -1." }], general: [] });
  });

  it.each([
    ["lots.AAPL", "lots"],
    ["target.AAPL", "target"],
    ["upper.BRK.B", "upper"],
  ])("%s is told at %s, with its name", (field, place) => {
    const [error] = told(field).fields;

    expect(error?.field).toBe(place);
    expect(error?.message).toContain(`${field}: expected 0 or more, got -1.`);
  });

  it("tells a weight of one's own at its own field", () => {
    const own = fieldsOf({ ...DRAFT, target: "own" });

    const { fields } = errorsOf(problem({ field: "target.AAPL", value: "-0.1", expected: "0 or more" }), own);

    expect(fields[0]?.field).toBe("target.AAPL");
  });

  it("says the unit where the form's is another", () => {
    expect(told("turnover").fields[0]?.message).toContain("0.01 is 1 %");
  });

  it.each(["body", "holdings", "prices.NOPE"])("%s, which has no field, is told for all", (field) => {
    expect(told(field)).toEqual({ fields: [], general: [`${field}: expected 0 or more, got -1.`] });
  });

  it("tells the whole where there are no parts", () => {
    expect(errorsOf(problem(), fieldsOf(DRAFT)).general).toEqual(["cash: expected 0 or more, got -5"]);
  });
});

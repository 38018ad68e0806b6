import { describe, expect, it } from "vitest";
import { dagsterRun, mlflowRun, mlflowVersion } from "./links";
import { decisionFigures, decisionWords, isRun } from "./succession";

describe("the figures of a decision", () => {
  const { tests, others } = decisionFigures({
    guard_finite_1: 0,
    guard_coverage_90_1: 0.91,
    guard_export_max_error: 2.4e-7,
    common_days_1: 1953,
    worse_interval_score_statistic_1: 3.12,
    worse_interval_score_p_1: 0.001,
    worse_interval_score_p_holm_1: 0.005,
    common_days_5: 12,
    worse_qlike_statistic_5: null,
    skill_p_1: 0.08,
    skill_shown_1: 0,
  });

  it("are tests, each with the days that both have forecast", () => {
    expect(tests).toEqual([
      { loss: "score of the 90 % interval", horizon: 1, days: 1953, statistic: 3.12, p: 0.001, pHolm: 0.005 },
      { loss: "QLIKE of the variance", horizon: 5, days: 12, statistic: null, p: null, pHolm: null },
    ]);
  });

  it("are guards and skill besides, whose names may end in a number that is no horizon", () => {
    expect(others).toEqual([
      { name: "forecasts that are not finite", horizon: 1, value: 0 },
      { name: "inside the 90 % interval", horizon: 1, value: 0.91 },
      { name: "largest error of the export", horizon: null, value: 2.4e-7 },
      { name: "Clark-West p against the historical mean", horizon: 1, value: 0.08 },
    ]);
  });

  it("that nobody has heard of are told as they are named", () => {
    expect(decisionFigures({ guard_brand_new_5: 1 }).others).toEqual([
      { name: "guard brand new", horizon: 5, value: 1 },
    ]);
  });
});

describe("a decision", () => {
  it("begins with its verdict in words", () => {
    expect(decisionWords("not_worse: of 6 tests none finds it worse")).toBe(
      "not worse: of 6 tests none finds it worse",
    );
    expect(decisionWords("brand_new: whatever")).toBe("brand_new: whatever");
    expect(decisionWords("promoted by a person")).toBe("promoted by a person");
  });

  it("was made by a run or by hand", () => {
    expect(isRun("b4c4e906-65fd-4c3e-b0e0-cfee19bc9037")).toBe(true);
    expect(isRun("by hand")).toBe(false);
  });
});

describe("links", () => {
  const links = { dagster: "http://localhost:3000/", mlflow: "https://mlflow.example/base" };

  it("lead to Dagster's and MLflow's pages, with or without a slash at the end of their address", () => {
    expect(dagsterRun(links, "abc")).toBe("http://localhost:3000/runs/abc");
    expect(mlflowRun(links, "abc")).toBe("https://mlflow.example/base/#/runs/abc");
    expect(mlflowVersion(links, "stock-assets-BRK.B", "3")).toBe(
      "https://mlflow.example/base/#/models/stock-assets-BRK.B/versions/3",
    );
  });

  it("are none where the server was not told of them", () => {
    expect(dagsterRun({ dagster: null, mlflow: null }, "abc")).toBeNull();
    expect(mlflowRun(null, "abc")).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import { between, counted, histogram, labelValues, parsed, quantile, samplesOf, total } from "./exposition";

const TEXT = `# HELP requests_total Requests answered.
# TYPE requests_total counter
requests_total{method="GET",route="/v1/prices/{ticker}",status="200"} 12.0
requests_total{method="GET",route="/v1/prices/{ticker}",status="404"} 3.0
requests_total{method="POST",route="/",status="200"} 1
# TYPE seconds histogram
seconds_bucket{le="0.1",route="/a"} 2
seconds_bucket{le="0.5",route="/a"} 6
seconds_bucket{le="+Inf",route="/a"} 8
seconds_count{route="/a"} 8
seconds_sum{route="/a"} 4.5
seconds_bucket{le="0.1",route="/b"} 1
seconds_bucket{le="0.5",route="/b"} 1
seconds_bucket{le="+Inf",route="/b"} 1
seconds_sum{route="/b"} 0.05
up 1.5e-3 1395066363000
`;

describe("a text of Prometheus' format", () => {
  it("has its samples by name, with labels that contain braces", () => {
    const samples = parsed(TEXT).get("requests_total");

    expect(samples).toHaveLength(3);
    expect(samples?.[0]).toEqual({
      labels: { method: "GET", route: "/v1/prices/{ticker}", status: "200" },
      value: 12,
    });
  });

  it("may have a time behind a value, and exponents", () => {
    expect(total(parsed(TEXT), "up")).toBe(0.0015);
  });

  it("escapes quotes, backslashes and line ends in labels", () => {
    const text = String.raw`odd{a="say \"so\"",b="C:\\",c="two\nlines"} 1`;

    expect(samplesOf(parsed(text), "odd")[0]?.labels).toEqual({ a: 'say "so"', b: "C:\\", c: "two\nlines" });
  });

  it("may say infinity and not a number", () => {
    const read = parsed("one +Inf\nother -Inf\nthird NaN");

    expect([total(read, "one"), total(read, "other"), total(read, "third")]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it("is read past lines that nobody understands", () => {
    const read = parsed('good 1\nbad one two three\n{}\n  \ngood{a="b"} 2\n');

    expect(total(read, "good")).toBe(3);
    expect(read.size).toBe(1);
  });
});

describe("samples", () => {
  it("are chosen by some of their labels", () => {
    const read = parsed(TEXT);

    expect(total(read, "requests_total", { route: "/v1/prices/{ticker}" })).toBe(15);
    expect(total(read, "requests_total", { status: "500" })).toBeNull();
    expect(labelValues(read, "requests_total", "status")).toEqual(["200", "404"]);
  });
});

describe("a histogram", () => {
  it("counts what is in each bucket, not up to it", () => {
    expect(histogram(parsed(TEXT), "seconds", { route: "/a" })).toEqual({
      bounds: [0.1, 0.5, Number.POSITIVE_INFINITY],
      counts: [2, 4, 2],
      count: 8,
      sum: 4.5,
    });
  });

  it("is of all series together where no label is asked for", () => {
    const all = histogram(parsed(TEXT), "seconds");

    expect(all?.counts).toEqual([3, 4, 2]);
    expect(all?.sum).toBeCloseTo(4.55);
  });

  it("is null where there is none", () => {
    expect(histogram(parsed(TEXT), "seconds", { route: "/c" })).toBeNull();
  });
});

describe("what came between two readings", () => {
  const bounds = [0.1, 0.5, Number.POSITIVE_INFINITY];
  const before = { bounds, counts: [2, 4, 2], count: 8, sum: 4.5 };

  it("is the difference, bucket by bucket", () => {
    const now = { bounds, counts: [2, 7, 2], count: 11, sum: 5.4 };

    expect(between(before, now)).toMatchObject({ counts: [0, 3, 0], count: 3 });
  });

  it("is everything after a restart, when counts have gone down", () => {
    const now = { bounds, counts: [1, 5, 2], count: 8, sum: 2 };

    expect(between(before, now)).toBe(now);
    expect(counted(8, 3)).toBe(3);
  });

  it("is everything where there was no reading before", () => {
    expect(between(null, before)).toBe(before);
    expect(counted(null, 3)).toBe(3);
  });
});

describe("a quantile", () => {
  const of = { bounds: [0.1, 0.5, Number.POSITIVE_INFINITY], counts: [2, 4, 2], count: 8, sum: 4.5 };

  it("lies on a straight line within its bucket", () => {
    expect(quantile(of, 0.5)).toBeCloseTo(0.3);
    expect(quantile(of, 0.25)).toBeCloseTo(0.1);
  });

  it("beyond the last bound is told as that bound", () => {
    expect(quantile(of, 0.99)).toBe(0.5);
  });

  it("skips empty buckets", () => {
    const sparse = { bounds: [1, 2, 3], counts: [0, 0, 4], count: 4, sum: 10 };

    expect(quantile(sparse, 0)).toBe(2);
    expect(quantile(sparse, 1)).toBe(3);
  });

  it("of nothing is not known", () => {
    expect(quantile({ bounds: [1], counts: [0], count: 0, sum: 0 }, 0.5)).toBeNull();
  });
});

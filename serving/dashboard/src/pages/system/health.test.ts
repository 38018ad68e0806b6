import { describe, expect, it } from "vitest";
import type { Alert, EngineStatus, Status } from "../../api/types";
import { parsed } from "./exposition";
import { barsLevel, checks, figuresOf, type Known, replays, spells, worst } from "./health";

const NOW = Date.parse("2026-11-26T10:00:00Z");

const STATUS: Status = {
  ready: true,
  reason: null,
  release_id: "2012-03-01-329c4dbbec2a",
  as_of: "2012-03-01",
  published_at: "2026-11-26T09:00:00Z",
  tickers: ["AAPL", "IBM"],
  reload_error: null,
  feed: {
    configured: true,
    state: "live",
    detail: "session 2012-03-08",
    last_message_at: "2026-11-26T09:59:59Z",
    last_message_age_seconds: 0.4,
    stale: false,
  },
  links: { dagster: null, mlflow: null },
  server: { version: "0.1.0", started_at: "2026-11-26T09:00:00Z", worker: 77, sockets: 3 },
};
const ENGINE: EngineStatus = {
  type: "status",
  feed: "live",
  at: "2026-11-26T09:59:59.8Z",
  release_id: "2012-03-01-329c4dbbec2a",
  detail: "session 2012-03-08, 472 ticks",
  figures: {
    engine: "b70d9e0c",
    term: 1,
    ticks: 472,
    predictions: 480,
    conflated: 0,
    backlog: 0,
    tick_lag_ms: null,
    latency_p50_ms: 2.3,
    latency_p99_ms: 7.9,
    audit_id: 64,
    audit_commit_ms: 1.1,
  },
};
const SOUND: Known = {
  now: NOW,
  status: STATUS,
  error: null,
  engine: { message: ENGINE, at: NOW - 200 },
  measured: null,
  connection: { state: "live", reason: "", since: NOW - 60_000, retryAt: null },
  heardAt: NOW - 100,
  reconnects: 0,
  alerts: [],
};

function check(known: Known, name: string) {
  const found = checks(known).find((each) => each.name === name);
  if (found === undefined) throw new Error(`expected a check of ${name}`);
  return found;
}

function alert(at: string, changes: Partial<Alert> = {}): Alert {
  return {
    type: "alert",
    at,
    kind: "feed_silent",
    severity: "warning",
    subject: "feed",
    text: "no tick for 30 s",
    active: true,
    ...changes,
  };
}

describe("a sound system", () => {
  it("is in order in every part, and nothing is to be done", () => {
    const found = checks(SOUND);

    expect(found.map(({ name, level, advice }) => [name, level, advice])).toEqual(
      found.map(({ name }) => [name, "ok", ""]),
    );
    expect(worst(found)).toBe("ok");
  });
});

describe("what is wrong is told with what to do", () => {
  const cases: readonly [string, string, string, Known][] = [
    ["a feed that is closed", "Feed", "bad", { ...SOUND, engine: { at: NOW, message: { ...ENGINE, feed: "closed" } } }],
    [
      "a feed that backs off",
      "Feed",
      "warn",
      { ...SOUND, engine: { at: NOW, message: { ...ENGINE, feed: "backing_off" } } },
    ],
    [
      "a feed that is cut off",
      "Feed",
      "bad",
      { ...SOUND, status: { ...STATUS, feed: { ...STATUS.feed, stale: true } } },
    ],
    ["an engine that is silent", "Live engine", "bad", { ...SOUND, engine: { message: ENGINE, at: NOW - 20_000 } }],
    [
      "Redis that is silent",
      "Redis to this server",
      "bad",
      { ...SOUND, status: { ...STATUS, feed: { ...STATUS.feed, last_message_age_seconds: 16 } } },
    ],
    ["a server that does not answer", "This server", "bad", { ...SOUND, error: "it could not be reached" }],
    ["a release that was refused", "Release", "warn", { ...SOUND, status: { ...STATUS, reload_error: "digest" } }],
    ["no release", "Release", "bad", { ...SOUND, status: { ...STATUS, ready: false, release_id: null } }],
    [
      "a stream that ended",
      "This page's stream",
      "bad",
      { ...SOUND, connection: { state: "ended", reason: "protocol 3", since: NOW, retryAt: null } },
    ],
    [
      "a log that can't be written",
      "Audit log",
      "bad",
      { ...SOUND, alerts: [alert("2026-11-26T09:59:00Z", { kind: "audit_broken", severity: "critical" })] },
    ],
  ];

  it.each(cases)("%s", (_what, name, level, known) => {
    const found = check(known, name);

    expect(found.level).toBe(level);
    expect(found.advice).not.toBe("");
  });
});

describe("an engine at its limits", () => {
  const at = (changes: Partial<NonNullable<EngineStatus["figures"]>>): Known => {
    const figures = ENGINE.figures && { ...ENGINE.figures, ...changes };
    return { ...SOUND, engine: { at: NOW, message: { ...ENGINE, figures } } };
  };

  it("is in order up to the alarms' own limits, and to be looked at beyond", () => {
    expect(check(at({ latency_p99_ms: 10, backlog: 1_000 }), "Live engine").level).toBe("ok");
    expect(check(at({ latency_p99_ms: 10.1 }), "Live engine").level).toBe("warn");
    expect(check(at({ backlog: 1_001 }), "Live engine").level).toBe("warn");
  });
});

describe("a page that is cut off", () => {
  const connection = { state: "waiting", reason: "the server went away", since: NOW - 60_000, retryAt: NOW } as const;

  it("can't tell whether the engine is silent", () => {
    const found = check({ ...SOUND, connection, engine: { message: ENGINE, at: NOW - 60_000 } }, "Live engine");

    expect(found).toMatchObject({ level: "unknown", state: "silent for 60 s" });
  });

  it("knows the engine by the metrics, if the stream has never told it", () => {
    const found = check({ ...SOUND, connection, engine: null, measured: ENGINE.figures }, "Live engine");

    expect(found).toMatchObject({ level: "ok", state: "p99 7.90 ms" });
  });
});

describe("what nobody has said yet", () => {
  it("is unknown and no alarm", () => {
    const found = checks({
      ...SOUND,
      status: null,
      engine: null,
      heardAt: null,
      connection: { state: "connecting", reason: "", since: NOW, retryAt: null },
    });

    expect(found.map(({ level }) => level)).toEqual(found.map(() => "unknown"));
  });

  it("is no live feed, where none is configured", () => {
    const status = { ...STATUS, feed: { ...STATUS.feed, configured: false, state: null } };

    expect(check({ ...SOUND, status, engine: null }, "Feed").level).toBe("unknown");
    expect(check({ ...SOUND, status, engine: null }, "Live engine").level).toBe("unknown");
  });
});

describe("alerts that come and go", () => {
  it("are spells with a beginning and an end, newest first", () => {
    const told = [
      alert("2026-11-26T09:00:00Z"),
      alert("2026-11-26T09:05:00Z", { active: false }),
      alert("2026-11-26T09:10:00Z", { kind: "no_prediction", subject: "IBM" }),
    ];

    expect(spells(told).map(({ alert: { kind }, cameAt, wentAt }) => [kind, cameAt, wentAt])).toEqual([
      ["no_prediction", "2026-11-26T09:10:00Z", null],
      ["feed_silent", "2026-11-26T09:00:00Z", "2026-11-26T09:05:00Z"],
    ]);
  });

  it("keep their beginning while their text changes", () => {
    const told = [alert("2026-11-26T09:00:00Z"), alert("2026-11-26T09:01:00Z", { text: "no tick for 90 s" })];

    expect(spells(told)).toHaveLength(1);
    expect(spells(told)[0]).toMatchObject({ cameAt: "2026-11-26T09:00:00Z", alert: { text: "no tick for 90 s" } });
  });

  it("of which only the end was seen have no beginning", () => {
    const told = [alert("2026-11-26T09:05:00Z", { active: false })];

    expect(spells(told)[0]).toMatchObject({ cameAt: null, wentAt: "2026-11-26T09:05:00Z" });
  });
});

describe("the engine's figures from /metrics", () => {
  it("are those that the stream tells, in ms", () => {
    const text = [
      'stock_assets_engine_info{engine="b70d9e0c"} 1.0',
      "stock_assets_engine_term 2.0",
      "stock_assets_engine_ticks_total 576.0",
      "stock_assets_engine_backlog 3.0",
      "stock_assets_engine_latency_p99_seconds 0.0154",
    ].join("\n");

    expect(figuresOf(parsed(text))).toMatchObject({
      engine: "b70d9e0c",
      term: 2,
      ticks: 576,
      backlog: 3,
      tick_lag_ms: null,
    });
    expect(figuresOf(parsed(text))?.latency_p99_ms).toBeCloseTo(15.4);
  });

  it("are none where no engine has spoken", () => {
    expect(figuresOf(parsed("stock_assets_server_workers 1"))).toBeNull();
  });
});

describe("the age of bars", () => {
  it("is in order over a long weekend, and to be looked at after it", () => {
    expect(barsLevel("2026-11-20", NOW, false)).toBe("warn");
    expect(barsLevel("2026-11-21", NOW, false)).toBe("ok");
  });

  it("says nothing in a replay, whose ticks are of long ago", () => {
    expect(replays("2012-03-08T21:00:00Z", NOW)).toBe(true);
    expect(replays("2026-11-26T09:59:59Z", NOW)).toBe(false);
    expect(replays(null, null)).toBe(false);
    expect(barsLevel("2012-03-01", NOW, true)).toBe("ok");
  });
});

// How each part of the system is doing and what to do about it, from what is known here; without a page or a clock.
// What to do is operations.md's advice.

import type { Alert, EngineStatus, Figures, Status } from "../../api/types";
import { count, milliseconds } from "../../format/numbers";
import { age } from "../../format/time";
import type { Connection } from "../../stream/updates";
import type { Level } from "../../ui/verdict";
import { type Exposition, total } from "./exposition";

/** One part: its level, what is known of it, and, unless it is in order, what to do. */
export interface Check {
  readonly name: string;
  readonly level: Level;
  readonly state: string;
  readonly detail: string;
  readonly advice: string;
}

/** What is known at one moment. Times are our clock's, in ms. */
export interface Known {
  readonly now: number;
  readonly status: Status | null;
  /** Why it can't be had, if it can't. */
  readonly error: string | null;
  readonly engine: { readonly message: EngineStatus; readonly at: number } | null;
  /** The engine's figures by `/metrics`, where the stream has told none. */
  readonly measured: Figures | null;
  readonly connection: Connection;
  readonly heardAt: number | null;
  readonly reconnects: number;
  readonly alerts: readonly Alert[];
}

// As the alarms of operations.md.
export const SILENT_SECONDS = 15;
export const BACKLOG_LIMIT = 1_000;
export const LATENCY_LIMIT_MS = 10;

export function checks(known: Known): readonly Check[] {
  return [feed(known), engine(known), redis(known), server(known), release(known), page(known), audit(known)];
}

/** The worst of them; `unknown` is worse than `ok` and no alarm. */
export function worst(of: readonly Check[]): Level {
  const order: readonly Level[] = ["bad", "warn", "unknown", "ok"];
  return order.find((level) => of.some((check) => check.level === level)) ?? "unknown";
}

const UNKNOWN = { level: "unknown", state: "not known yet", detail: "", advice: "" } as const;

function feed({ status, engine: told }: Known): Check {
  const name = "Feed";
  if (status === null && told === null) return { name, ...UNKNOWN };
  if (status?.feed.configured === false) {
    const advice = "STOCK_ASSETS_REDIS_URL tells the server where live prices come from.";
    return { name, level: "unknown", state: "none", detail: "This server answers from its release alone.", advice };
  }
  // The stream tells it as it happens, REST every few seconds.
  const state = told?.message.feed ?? status?.feed.state;
  const detail = told?.message.detail ?? status?.feed.detail ?? "";
  const start = "Look at the feed's log; `stock-assets live --role feed` starts one.";
  switch (state) {
    case "live":
      if (status?.feed.stale) return { name, level: "bad", state: "cut off", detail, advice: "See Redis, below." };
      return { name, level: "ok", state, detail, advice: "" };
    case "connecting":
    case "backing_off":
      return { name, level: "warn", state: state.replace("_", " "), detail, advice: "It tries again by itself." };
    case "stale":
    case "closed":
      return { name, level: "bad", state, detail, advice: start };
    default:
      return { name, level: "unknown", state: "said nothing yet", detail, advice: start };
  }
}

function engine({ engine: told, measured, connection, status, now }: Known): Check {
  const name = "Live engine";
  const figures = told?.message.figures ?? measured;
  if (status?.feed.configured === false) return { name, ...UNKNOWN, state: "none", detail: "There is no live feed." };
  if (told !== null && now - told.at > SILENT_SECONDS * 1_000) {
    const state = `silent for ${age((now - told.at) / 1_000)}`;
    // Whoever is cut off hears no engine, however loud it is.
    if (connection.state !== "live" && connection.state !== "stale")
      return { name, ...UNKNOWN, state, detail: "This page is not connected." };
    const advice =
      "The last line of its log says why; a standby takes over within 5 s. `stock-assets live` starts one.";
    return { name, level: "bad", state, detail: "", advice };
  }
  if (figures === null) return { name, ...UNKNOWN };
  const detail = `engine ${figures.engine}, term ${figures.term}, ${count(figures.ticks)} ticks`;
  const slow = figures.latency_p99_ms !== null && figures.latency_p99_ms > LATENCY_LIMIT_MS;
  if (slow || figures.backlog > BACKLOG_LIMIT) {
    const state = slow ? `p99 ${milliseconds(figures.latency_p99_ms)}` : `${count(figures.backlog)} ticks wait`;
    const advice = "It can't keep up, if this lasts: give it a core of its own, or fewer tickers.";
    return { name, level: "warn", state, detail, advice };
  }
  return { name, level: "ok", state: `p99 ${milliseconds(figures.latency_p99_ms)}`, detail, advice: "" };
}

function redis({ status }: Known): Check {
  const name = "Redis to this server";
  if (status === null || !status.feed.configured) return { name, ...UNKNOWN };
  const seconds = status.feed.last_message_age_seconds;
  if (seconds === null) {
    const advice = "No engine has spoken since this server started. Look whether Redis and the engine run.";
    return { name, level: "warn", state: "nothing heard yet", detail: "", advice };
  }
  const state = seconds < 2 ? "heard now" : `heard ${age(seconds)} ago`;
  if (seconds > SILENT_SECONDS) {
    const advice = "No engine, no Redis, or a server that has lost it: `stock-assets doctor` says which.";
    return { name, level: "bad", state, detail: "REST goes on from the last state.", advice };
  }
  return { name, level: "ok", state, detail: "the engine's newest word, when the server was asked", advice: "" };
}

function server({ status, error, now }: Known): Check {
  const name = "This server";
  if (error !== null) {
    const advice = "Is it running? `stock-assets serve` starts it; its log says why it ended.";
    return {
      name,
      level: "bad",
      state: "no answer",
      detail: `${sentence(error)} What is told below is from before.`,
      advice,
    };
  }
  if (status === null) return { name, ...UNKNOWN };
  const { version, started_at, worker, sockets } = status.server;
  const up = age((now - Date.parse(started_at)) / 1_000);
  const detail = `version ${version}, process ${worker}, ${count(sockets)} stream connections`;
  return { name, level: "ok", state: `up for ${up}`, detail, advice: "" };
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

function release({ status }: Known): Check {
  const name = "Release";
  if (status === null) return { name, ...UNKNOWN };
  if (!status.ready) {
    const advice = "No release yet: `stock-assets materialize` makes one.";
    return { name, level: "bad", state: "none", detail: status.reason ?? "", advice };
  }
  const state = status.release_id ?? "";
  if (status.reload_error !== null) {
    const advice = "The one before serves on. `stock-assets release list` shows them, `release rollback` goes back.";
    return { name, level: "warn", state, detail: `A newer one was refused: ${status.reload_error}`, advice };
  }
  return {
    name,
    level: "ok",
    state,
    detail: `bars up to ${status.as_of}, ${status.tickers.length} tickers`,
    advice: "",
  };
}

function page({ connection, heardAt, reconnects, now }: Known): Check {
  const name = "This page's stream";
  const again = reconnects === 0 ? "never cut" : `connected anew ${reconnects === 1 ? "once" : `${reconnects} times`}`;
  const heard = heardAt === null ? "nothing heard yet" : `last heard ${age((now - heardAt) / 1_000)}`;
  const detail = `${again} since the page was opened; ${heard}`;
  switch (connection.state) {
    case "live":
      return { name, level: "ok", state: "live", detail, advice: "" };
    case "stale":
      return {
        name,
        level: "warn",
        state: "connected, no news",
        detail: connection.reason,
        advice: "See Redis, above.",
      };
    case "connecting":
      return { name, level: "unknown", state: "connecting", detail, advice: "" };
    case "waiting":
      return { name, level: "warn", state: "reconnecting", detail: connection.reason, advice: "It goes on by itself." };
    case "ended":
      return { name, level: "bad", state: "ended", detail: connection.reason, advice: "Reload the page." };
  }
}

function audit({ engine: told, alerts }: Known): Check {
  const name = "Audit log";
  const broken = alerts.find((alert) => alert.kind === "audit_broken");
  if (broken)
    return { name, level: "bad", state: "can't be written", detail: broken.text, advice: ADVICE.audit_broken };
  const figures = told?.message.figures ?? null;
  if (figures === null || figures.audit_id === null) return { name, ...UNKNOWN };
  const detail = `the newest was on disk after ${milliseconds(figures.audit_commit_ms)}`;
  return { name, level: "ok", state: `${count(figures.audit_id)} entries`, detail, advice: "" };
}

/** What to do about an alert. */
export const ADVICE: Readonly<Record<Alert["kind"], string>> = {
  release_refused:
    "A release is damaged, the one before serves on. `stock-assets release list`, then publish anew or `release rollback`.",
  feed_silent: "Look at the feed's log and the vendor. It goes on by itself when ticks come again.",
  feed_disturbed: "Ticks came that could not be used: the text says which. One now and then is the vendor's.",
  no_prediction: "The text says what is missing. Bring the source up to date, then `stock-assets materialize`.",
  engine_changed: "A standby took over. Find out why the one before ended, and start a new standby.",
  audit_broken:
    "The engine has ended rather than speak unaudited. Mend the disk or the database, then `stock-assets live`.",
};

/** What an alert of a kind is called. */
export const KINDS: Readonly<Record<Alert["kind"], string>> = {
  release_refused: "Release refused",
  feed_silent: "Feed silent",
  feed_disturbed: "Feed disturbed",
  no_prediction: "No prediction",
  engine_changed: "Engine changed",
  audit_broken: "Audit log broken",
};

/** An alert as it came and went. */
export interface AlertSpell {
  readonly alert: Alert;
  /** ISO time; null if it was there before we looked. */
  readonly cameAt: string | null;
  /** ISO time; null while it is active. */
  readonly wentAt: string | null;
}

/** Spells from what was told of alerts, oldest first; newest spell first. A text that changes makes no new spell. */
export function spells(told: readonly Alert[]): readonly AlertSpell[] {
  const over: AlertSpell[] = [];
  const open = new Map<string, AlertSpell>();
  for (const alert of told) {
    const key = `${alert.kind} ${alert.subject}`;
    const before = open.get(key);
    if (alert.active) {
      open.set(key, { alert, cameAt: before?.cameAt ?? alert.at, wentAt: null });
    } else {
      open.delete(key);
      over.push({ alert, cameAt: before?.cameAt ?? null, wentAt: alert.at });
    }
  }
  const when = (spell: AlertSpell) => spell.cameAt ?? spell.wentAt ?? "";
  return [...over, ...open.values()].toSorted((a, b) => when(b).localeCompare(when(a)));
}

/** The engine's figures as `/metrics` has them, for a page that the stream has not told any. */
export function figuresOf(metrics: Exposition): Figures | null {
  const value = (name: string) => total(metrics, `stock_assets_engine_${name}`);
  const ms = (name: string) => {
    const seconds = value(`${name}_seconds`);
    return seconds === null || Number.isNaN(seconds) ? null : seconds * 1_000;
  };
  const term = value("term");
  if (term === null) return null;
  return {
    engine: metrics.get("stock_assets_engine_info")?.at(-1)?.labels.engine ?? "",
    term,
    ticks: value("ticks_total") ?? 0,
    predictions: value("predictions_total") ?? 0,
    conflated: value("conflated_total") ?? 0,
    backlog: value("backlog") ?? 0,
    tick_lag_ms: ms("tick_lag"),
    latency_p50_ms: ms("latency_p50"),
    latency_p99_ms: ms("latency_p99"),
    audit_id: value("audit_id"),
    audit_commit_ms: ms("audit_commit"),
  };
}

const DAY_MS = 86_400_000;
/** A weekend with a holiday on either side. */
const LONGEST_BREAK_DAYS = 5;

/** Whether a feed's clock is not ours: its newest tick was over a day old when it was heard. */
export function replays(tickAt: string | null, heard: number | null): boolean {
  return tickAt !== null && heard !== null && heard - Date.parse(tickAt) > DAY_MS;
}

/** Of the bars that end with `session`: old is what a weekend with holidays doesn't explain. */
export function barsLevel(session: string, now: number, replayed: boolean): Level {
  if (replayed) return "ok";
  return now - Date.parse(`${session}T00:00:00Z`) > (LONGEST_BREAK_DAYS + 1) * DAY_MS ? "warn" : "ok";
}

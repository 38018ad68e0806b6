// Times in the viewer's zone, the exchange's beside them, and ages. A session is a date of its exchange: it has no zone.

import { timeFormat } from "./locale";
import { MISSING } from "./numbers";

// ISO 10383 codes of the markets that calendars know here; others are told in UTC.
const ZONES: Readonly<Record<string, string>> = {
  XNYS: "America/New_York",
  XNAS: "America/New_York",
  ARCX: "America/New_York",
  XTSE: "America/Toronto",
  XLON: "Europe/London",
  XETR: "Europe/Berlin",
  XFRA: "Europe/Berlin",
  XPAR: "Europe/Paris",
  XAMS: "Europe/Amsterdam",
  XSWX: "Europe/Zurich",
  XTKS: "Asia/Tokyo",
  XHKG: "Asia/Hong_Kong",
  XASX: "Australia/Sydney",
};

/** The zone of an exchange by its market identifier code; UTC for one that we don't know. */
export function zoneOf(exchange: string | null | undefined): string {
  return (exchange && ZONES[exchange]) || "UTC";
}

const DAY: Intl.DateTimeFormatOptions = { year: "numeric", month: "short", day: "numeric" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

/** Time of day and, unless it is today, the date: in `zone`, by default the viewer's. */
export function time(at: string | number | null | undefined, zone?: string, now: number = Date.now()): string {
  const when = instant(at);
  if (when === null) return MISSING;
  const where = zone === undefined ? {} : { timeZone: zone };
  const day = timeFormat({ ...DAY, ...where });
  const text = timeFormat({ ...CLOCK, ...where }).format(when);
  const date = day.format(when);
  return date === day.format(now) ? text : `${date}, ${text}`;
}

/** The same instant at the exchange, with the zone's name: for a tooltip. */
export function exchangeTime(at: string | number | null | undefined, exchange: string | null | undefined): string {
  const when = instant(at);
  if (when === null) return MISSING;
  return timeFormat({ ...DAY, ...CLOCK, timeZone: zoneOf(exchange), timeZoneName: "short" }).format(when);
}

/** A session (ISO date) as a date; it is the exchange's and is not moved into the viewer's zone. */
export function session(date: string | null | undefined): string {
  const when = date ? instant(`${date}T00:00:00Z`) : null;
  if (when === null) return MISSING;
  return timeFormat({ ...DAY, timeZone: "UTC" }).format(when);
}

/** How long ago, in one unit: "now", "42 s", "5 min", "3 h", "12 d". */
export function age(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return MISSING;
  const s = Math.max(0, seconds);
  if (s < 2) return "now";
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

function instant(at: string | number | null | undefined): Date | null {
  if (at === null || at === undefined) return null;
  const when = new Date(at);
  return Number.isNaN(when.getTime()) ? null : when;
}

// What a viewer has chosen, kept in this browser. `public/boot.js` reads the same key before the first paint.

import { effect, type Signal, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
/** `safe` are blue and orange, which colour-blind eyes tell apart; `classic` are green and red. */
export type Colours = "safe" | "classic";

export interface Preferences {
  readonly theme: Theme;
  readonly colours: Colours;
  /** Tickers that stand first in the watchlist, in the viewer's order. */
  readonly pinned: readonly string[];
  /** By what the watchlist's other tickers are sorted, and whether the other way round. */
  readonly order: string;
  readonly reversed: boolean;
  /** The ticker that was looked at last. */
  readonly ticker: string | null;
  /** Range of the price chart. */
  readonly range: string;
  /** Indicators drawn over the candles. */
  readonly overlays: readonly string[];
  /** Whether a signal change may be told by the system's notifications. */
  readonly notify: boolean;
  /** Whether one from before the session's close may be told too: it may still change back. */
  readonly notifyProvisional: boolean;
}

export const KEY = "stock-assets.preferences";

export const DEFAULTS: Preferences = {
  theme: "system",
  colours: "safe",
  pinned: [],
  order: "released",
  reversed: false,
  ticker: null,
  range: "6M",
  overlays: ["sma_20"],
  notify: false,
  notifyProvisional: false,
};

/** What was kept, field by field: one that is of another type than its default is not ours. */
export function parsed(text: string | null): Preferences {
  if (text === null) return DEFAULTS;
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return DEFAULTS;
  }
  if (typeof kept !== "object" || kept === null) return DEFAULTS;
  const found = kept as Record<string, unknown>;
  const list = (name: string, otherwise: readonly string[]) => {
    const value = found[name];
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : otherwise;
  };
  return {
    theme: found.theme === "light" || found.theme === "dark" ? found.theme : DEFAULTS.theme,
    colours: found.colours === "classic" ? "classic" : DEFAULTS.colours,
    pinned: list("pinned", DEFAULTS.pinned),
    order: typeof found.order === "string" ? found.order : DEFAULTS.order,
    reversed: found.reversed === true,
    ticker: typeof found.ticker === "string" ? found.ticker : null,
    range: typeof found.range === "string" ? found.range : DEFAULTS.range,
    overlays: list("overlays", DEFAULTS.overlays),
    notify: found.notify === true,
    notifyProvisional: found.notifyProvisional === true,
  };
}

export const preferences: Signal<Preferences> = signal(parsed(read()));

/** Change some of them; the rest stays. */
export function prefer(changes: Partial<Preferences>): void {
  preferences.value = { ...preferences.value, ...changes };
  // Here, and not wherever they change: two tabs of two versions would write over each other's for ever.
  write(JSON.stringify(preferences.value));
}

/** Let the page's root say what styles go by, and follow the viewer's other tabs. To be called once. */
export function followPreferences(): void {
  effect(() => {
    const { theme, colours } = preferences.value;
    const root = document.documentElement;
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    if (colours === "safe") delete root.dataset.colours;
    else root.dataset.colours = colours;
  });
  // Another tab of ours changed them.
  addEventListener("storage", (event) => {
    if (event.key === KEY) preferences.value = parsed(event.newValue);
  });
}

// A browser may refuse storage altogether: choices then hold until the page goes.

function read(): string | null {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}

function write(text: string): void {
  try {
    localStorage.setItem(KEY, text);
  } catch {
    return;
  }
}

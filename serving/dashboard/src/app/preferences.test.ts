import { describe, expect, test, vi } from "vitest";
import { DEFAULTS, followPreferences, KEY, type Preferences, parsed, prefer, preferences } from "./preferences";

const CHOSEN: Preferences = {
  theme: "dark",
  colours: "classic",
  pinned: ["IBM", "AAPL"],
  order: "change",
  reversed: true,
  ticker: "IBM",
  range: "1Y",
  overlays: [],
  notify: true,
  notifyProvisional: true,
};

test("what was chosen is what is found again", () => {
  expect(parsed(JSON.stringify(CHOSEN))).toEqual(CHOSEN);
});

test.each([null, "", "{", "null", "7", '"dark"', "[]"])("of %j nothing is taken", (text) => {
  expect(parsed(text)).toEqual(DEFAULTS);
});

describe("a choice of another kind than ours", () => {
  test.each([
    ["theme", "sepia"],
    ["theme", 1],
    ["colours", "none"],
    ["pinned", "AAPL"],
    ["pinned", ["AAPL", 7]],
    ["order", 2],
    ["reversed", "yes"],
    ["ticker", {}],
    ["range", null],
    ["overlays", [null]],
    ["notify", "yes"],
    ["notifyProvisional", 1],
  ] as const)("%s: %j is left at its default, and the rest as it was chosen", (name, value) => {
    expect(parsed(JSON.stringify({ ...CHOSEN, [name]: value }))).toEqual({ ...CHOSEN, [name]: DEFAULTS[name] });
  });

  test("that an older page has kept has its default", () => {
    expect(parsed('{"theme": "light"}')).toEqual({ ...DEFAULTS, theme: "light" });
  });

  test("that a newer page has kept is left out", () => {
    expect(parsed(JSON.stringify({ ...CHOSEN, font: "serif" }))).toEqual(CHOSEN);
  });
});

test("nobody is notified who has not chosen it", () => {
  expect([DEFAULTS.notify, DEFAULTS.notifyProvisional]).toEqual([false, false]);
});

test("what another tab has chosen holds here, and is not written again: its page may be of another version", () => {
  const kept = new Map<string, string>();
  const told: ((event: Pick<StorageEvent, "key" | "newValue">) => void)[] = [];
  vi.stubGlobal("localStorage", { setItem: (key: string, text: string) => kept.set(key, text) });
  vi.stubGlobal("document", { documentElement: { dataset: {} } });
  vi.stubGlobal("addEventListener", (_kind: string, run: (typeof told)[number]) => told.push(run));
  followPreferences();
  prefer({ theme: "dark" });
  const ours = kept.get(KEY);
  for (const tell of told) tell({ key: KEY, newValue: '{"theme": "light", "font": "serif"}' });

  expect(preferences.value.theme).toBe("light");
  expect(document.documentElement.dataset.theme).toBe("light");
  expect(kept.get(KEY)).toBe(ours);
  vi.unstubAllGlobals();
});

// Better, worse or no telling; in order, to be watched or broken: by sign and word, the colour only repeats it.

import type { ComponentChildren } from "preact";

export type Way = "better" | "worse" | "even";

const WAYS: Readonly<Record<Way, { sign: string; class: string }>> = {
  better: { sign: "▲", class: "change-up" },
  worse: { sign: "▼", class: "change-down" },
  even: { sign: "≈", class: "change-flat" },
};

/** How a figure compares with its baseline, in words of the caller's. */
export function Verdict({ way, children }: { way: Way; children: ComponentChildren }) {
  return (
    <span class={WAYS[way].class}>
      <span aria-hidden="true">{WAYS[way].sign}</span> {children}
    </span>
  );
}

/** `unknown` is not `ok`: nobody has said yet. */
export type Level = "ok" | "warn" | "bad" | "unknown";

const LEVELS: Readonly<Record<Level, { sign: string; word: string; class: string }>> = {
  ok: { sign: "✓", word: "OK", class: "badge-good" },
  warn: { sign: "!", word: "Look", class: "badge-warn" },
  bad: { sign: "✕", word: "Bad", class: "badge-bad" },
  unknown: { sign: "?", word: "Unknown", class: "badge-hold" },
};

/** How something is doing; `children` in place of the level's own word. */
export function LevelBadge({ level, children }: { level: Level; children?: ComponentChildren }) {
  const looks = LEVELS[level];
  return (
    <span class={`badge ${looks.class}`}>
      <span aria-hidden="true">{looks.sign}</span> {children ?? looks.word}
    </span>
  );
}

// Equity and drawdown over time: the champion's book and the baselines always, of the strategies those that are asked for.

import { useMemo, useState } from "preact/hooks";
import type { Performance } from "../../api/types";
import { decimal, percent } from "../../format/numbers";
import { drawdowns } from "../../ui/drawdowns";
import { type Line, Lines, sessionSeconds } from "../../ui/lines";
import { BASELINE, BOUGHT_AND_HELD, CHAMPION_BOOK, type Entry } from "./record";

interface Props {
  readonly record: Performance["record"];
  readonly entries: readonly Entry[];
  readonly asked: string;
}

const ALWAYS: Readonly<Record<string, Pick<Line, "colour" | "dashed" | "width">>> = {
  [CHAMPION_BOOK]: { colour: "s1", width: 2.5 },
  [BASELINE]: { colour: "text", dashed: true },
  [BOUGHT_AND_HELD]: { colour: "s5", dashed: true },
};
/** As many strategies besides as there are colours that can be told apart. */
const COLOURS = ["s2", "s3", "s4"] as const;

export function Curves({ record, entries, asked }: Props) {
  const others = entries.filter(({ key }) => !(key in ALWAYS));
  const [added, add] = useState<readonly string[]>([]);
  // The page's strategy is drawn, unless it was the champion all along: then its curve is that of the champion's book.
  const always = Object.values(record.champions).every((strategy) => strategy === asked);
  const shown = [...new Set([...(always ? [] : [asked]), ...added])]
    .filter((key) => others.some((entry) => entry.key === key))
    .slice(0, COLOURS.length);
  const names = shown.join(" ");
  const x = useMemo(() => record.sessions_shown.map(sessionSeconds), [record]);
  const equity = useMemo(() => linesOf(entries, shown, (values) => values), [entries, names]);
  const losses = useMemo(() => linesOf(entries, shown, drawdowns), [entries, names]);
  const toggle = (key: string) => add(added.includes(key) ? added.filter((one) => one !== key) : [...added, key]);
  return (
    <>
      <fieldset class="portfolio-toggles">
        <legend>Drawn besides the champion's book, equal weight and what was bought and held (three at most)</legend>
        {others.map(({ key, name }) => (
          <label key={key}>
            <input
              type="checkbox"
              checked={shown.includes(key)}
              disabled={(key === asked && !always) || (!shown.includes(key) && shown.length >= COLOURS.length)}
              onChange={() => toggle(key)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <h3>What 1 became</h3>
      <Lines
        description={describedEquity(entries)}
        x={x}
        lines={equity}
        sessions
        logarithmic
        height={300}
        write={(value) => decimal(value)}
      />
      <h3>Drawdown</h3>
      <Lines
        description={describedLosses(entries)}
        x={x}
        lines={losses}
        sessions
        height={180}
        write={(value) => percent(value, 0)}
      />
      <p class="muted">
        Drawn at week ends, so that a drawdown within a week shows less here than in the table, which counts every
        session.
      </p>
    </>
  );
}

function linesOf(
  entries: readonly Entry[],
  shown: readonly string[],
  of: (equity: readonly number[]) => readonly number[],
): readonly Line[] {
  const drawn = entries.filter(({ key }) => key in ALWAYS || shown.includes(key));
  return drawn.map(({ key, name, record }) => ({
    label: name,
    values: of(record.equity),
    colour: COLOURS[shown.indexOf(key)] ?? "s6",
    ...ALWAYS[key],
  }));
}

function always(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter(({ key }) => key in ALWAYS);
}

function describedEquity(entries: readonly Entry[]): string {
  const ends = always(entries).map(({ name, record }) => `${name}: ${decimal(record.equity.at(-1))}`);
  return `What 1 became, out of sample and net of costs. ${ends.join("; ")}.`;
}

function describedLosses(entries: readonly Entry[]): string {
  const worst = always(entries).map(({ name, record }) => `${name}: ${percent(record.maximum_drawdown)}`);
  return `Losses from the highest point so far. Greatest: ${worst.join("; ")}.`;
}

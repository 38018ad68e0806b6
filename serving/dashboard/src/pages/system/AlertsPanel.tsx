// Alerts that are active, with what to do, and those that came and went while somebody looked.

import { useMemo } from "preact/hooks";
import type { Alert } from "../../api/types";
import { time } from "../../format/time";
import { alerts, connection, gap, heardAt, news } from "../../live/store";
import { Age } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { type Level, LevelBadge } from "../../ui/verdict";
import { ADVICE, type AlertSpell, KINDS, spells } from "./health";
import { Worded } from "./Worded";

const LEVELS: Readonly<Record<Alert["severity"], Level>> = { info: "unknown", warning: "warn", critical: "bad" };

export function AlertsPanel() {
  const active = alerts.value;
  const told = news.value;
  const past = useMemo(() => {
    const of = told.flatMap(({ message }) => (message.type === "alert" ? [message] : []));
    return spells(of.toReversed()).filter((spell) => spell.wentAt !== null);
  }, [told]);
  return (
    <Panel title="Alerts" aside={active.length > 0 && <span>{active.length} active</span>}>
      {active.length === 0 && <p class="system-none">{quiet()}</p>}
      <ul class="system-alerts">
        {active.map((alert) => (
          <Active key={`${alert.kind} ${alert.subject}`} alert={alert} />
        ))}
      </ul>
      {gap.value !== null && <p class="system-foot">Some may be missing below: {gap.value}</p>}
      {past.length > 0 && (
        <details>
          <summary>
            {past.length === 1 ? "1 has gone" : `${past.length} have gone`} since the dashboard was opened
          </summary>
          <Table
            caption="Alerts that came and went since the dashboard was opened"
            hideCaption
            columns={COLUMNS}
            rows={past}
            rowKey={(spell) => `${spell.alert.kind} ${spell.alert.subject} ${spell.wentAt}`}
            pageSize={20}
          />
        </details>
      )}
    </Panel>
  );
}

/** That none is active, as far as this page can know. */
function quiet(): string {
  if (heardAt.value === null) return "? Not known yet: nothing has been heard by this page's stream.";
  if (connection.value.state === "live") return "✓ No alert is active.";
  return "? None was active when something was last heard.";
}

function Active({ alert }: { alert: Alert }) {
  return (
    <li>
      <p class="system-alert-head">
        <LevelBadge level={LEVELS[alert.severity]}>{KINDS[alert.kind]}</LevelBadge>
        <b>{alert.subject}</b>
        <Age at={Date.parse(alert.at)} label="since" />
      </p>
      <p class="system-alert-text">{alert.text}</p>
      <p class="system-check-advice">
        <Worded text={ADVICE[alert.kind]} />
      </p>
    </li>
  );
}

const COLUMNS: readonly Column<AlertSpell>[] = [
  { key: "kind", header: "Alert", rowHeader: true, cell: ({ alert }) => KINDS[alert.kind] },
  { key: "subject", header: "Of", cell: ({ alert }) => alert.subject },
  { key: "came", header: "Came", cell: (spell) => (spell.cameAt === null ? "before" : time(spell.cameAt)) },
  { key: "went", header: "Went", cell: (spell) => time(spell.wentAt) },
  { key: "text", header: "It said", cell: ({ alert }) => <span class="muted">{alert.text}</span> },
];

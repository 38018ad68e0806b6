// Every part at a glance: its level by sign and word, what is known of it, and what to do.

import type { Resource } from "../../api/resource";
import type { Status } from "../../api/types";
import { time } from "../../format/time";
import { now } from "../../live/clock";
import { alerts, connection, engineStatus, heardAt } from "../../live/store";
import { Age } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { LevelBadge } from "../../ui/verdict";
import { type Check, checks, figuresOf, worst } from "./health";
import { newest, reconnects } from "./recording";
import { Worded } from "./Worded";

export function HealthPanel({ status }: { status: Resource<Status> }) {
  const { answer, error } = status;
  const found = checks({
    now: now.value,
    status: answer?.data ?? null,
    error: error?.message ?? null,
    engine: engineStatus.value,
    measured: newest.value && figuresOf(newest.value.said),
    connection: connection.value,
    heardAt: heardAt.value,
    reconnects: reconnects.value,
    alerts: alerts.value,
  });
  return (
    <Panel title="Health" aside={answer && <Age at={answer.receivedAt} label="asked" />}>
      <Summary of={found} />
      <ul class="system-checks">
        {found.map((check) => (
          <CheckCard key={check.name} check={check} />
        ))}
      </ul>
      <p class="system-foot">
        {answer?.data.published_at ? `The release was published ${time(answer.data.published_at)}.` : "\u00a0"}
      </p>
    </Panel>
  );
}

const WORDS = { ok: "In order", warn: "To be looked at", bad: "Something is wrong", unknown: "Not all is known yet" };

/** Said aloud when it changes, and only then: its words hold no figure that ticks. */
function Summary({ of }: { of: readonly Check[] }) {
  const level = worst(of);
  // What is not known yet is most of it, for a moment: a list of that would only come and go.
  const telling = level === "warn" || level === "bad";
  const named = of.filter((check) => telling && check.level === level).map((check) => check.name);
  return (
    <p class="system-summary" role="status">
      <LevelBadge level={level}>{WORDS[level]}</LevelBadge> {named.join(", ")}
    </p>
  );
}

function CheckCard({ check }: { check: Check }) {
  return (
    <li class={`system-check system-check-${check.level}`}>
      <p class="system-check-head">
        <span>{check.name}</span>
        <LevelBadge level={check.level} />
      </p>
      <p class="system-check-state num">{check.state}</p>
      <p class="system-check-detail">{check.detail}</p>
      {check.advice && (
        <p class="system-check-advice">
          <Worded text={check.advice} />
        </p>
      )}
    </li>
  );
}

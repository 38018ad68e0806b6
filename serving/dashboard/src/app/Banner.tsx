// Bars over the foot of the page: that it is not live, with the age of what is shown, and that a newer version is ready.
// They lie over the page, so that nothing in it moves when they come and go.

import { useEffect, useState } from "preact/hooks";
import "./Banner.css";
import { age, time } from "../format/time";
import { now } from "../live/clock";
import { connection, heardAt, notLiveSince } from "../live/store";
import { reconnect } from "./live";
import { knownAt, type Standing, standingOf } from "./liveStanding";
import { newerVersion, takeNewerVersion } from "./offlineWorker";

export function Bars() {
  const standing = standingOf({
    connection: connection.value,
    notLiveSince: notLiveSince.value,
    hasNumbers: heardAt.value !== null,
    now: now.value,
  });
  return (
    <div class="bars">
      <Said standing={standing} />
      {standing && <NotLive standing={standing} />}
      <NewerVersion />
    </div>
  );
}

function NotLive({ standing }: { standing: Standing }) {
  const { tone, title, reason, remedy } = standing;
  return (
    <section class={`bar bar-${tone}`} aria-label="Connection">
      <p>
        <strong>{title}</strong>
        <Known />
        {reason && <span class="bar-reason"> {reason}</span>}
      </p>
      {remedy === "retry" && (
        <button type="button" class="button" onClick={reconnect}>
          Try now
        </button>
      )}
      {remedy === "reload" && (
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload
        </button>
      )}
    </section>
  );
}

/** What the numbers on the page are, by the time at which they were told. */
function Known() {
  const at = knownAt(connection.value, heardAt.value);
  if (at === null) return <>: nothing is known from before.</>;
  const ago = age((now.value - at) / 1_000);
  return (
    <>
      : this is what was known at <time dateTime={new Date(at).toISOString()}>{time(at)}</time>
      <span class="num"> ({ago === "now" ? "just now" : `${ago} ago`}).</span>
    </>
  );
}

/** The same for who hears the page: once for each change, the end of it included. */
function Said({ standing }: { standing: Standing | null }) {
  const [said, say] = useState("");
  const text = standing?.said ?? null;
  useEffect(() => {
    say((before) => text ?? (before === "" ? "" : "Live again."));
  }, [text]);
  return (
    <p class="visually-hidden" role="status">
      {said}
    </p>
  );
}

function NewerVersion() {
  const [later, wait] = useState(false);
  const ready = newerVersion.value !== null && !later;
  return (
    <div role="status">
      {ready && (
        <div class="bar">
          <p>A newer version of this page is ready.</p>
          <button type="button" class="button button-main" onClick={takeNewerVersion}>
            Reload
          </button>
          <button type="button" class="button" onClick={() => wait(true)}>
            Later
          </button>
        </div>
      )}
    </div>
  );
}

// The frames that came and went, newest first; it can be held still to be read.

import { useState } from "preact/hooks";
import { compact, count, decimal } from "../../format/numbers";
import { time } from "../../format/time";
import { type FrameLog, type LoggedFrame, MOST_FRAMES } from "./frames";
import { JsonTree } from "./JsonTree";
import { Reading } from "./Reading";

interface Props {
  readonly log: FrameLog;
  /** The log is filled in place: this says that it was. */
  readonly beat: number;
}

export function FrameList({ log, beat }: Props) {
  const [type, choose] = useState<string | null>(null);
  // The frames as they were when it was paused; null while it runs.
  const [held, hold] = useState<readonly LoggedFrame[] | null>(null);
  const frames = (held ?? log.list(null)).filter((frame) => type === null || frame.type === type);
  const types = [...new Set([...log.types, ...(type === null ? [] : [type])])];
  return (
    <div class="playground-frames">
      <Rates log={log} beat={beat} />
      <div class="playground-tools">
        <label class="field">
          Show
          <select value={type ?? ""} onChange={(event) => choose(event.currentTarget.value || null)}>
            <option value="">all types</option>
            {types.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="button"
          aria-pressed={held !== null}
          onClick={() => hold(held === null ? log.list(null) : null)}
        >
          Pause
        </button>
        <button
          type="button"
          class="button"
          onClick={() => {
            log.clear();
            hold(held && []);
          }}
        >
          Clear
        </button>
      </div>
      <Reading class="playground-list" label="Frames, the newest first">
        {frames.length === 0 && <p class="muted">No frames{type === null ? " yet" : ` of type ${type}`}.</p>}
        {frames.map((frame) => (
          <Row key={frame.number} frame={frame} />
        ))}
      </Reading>
      {held !== null && <p class="muted">The list stands still; frames are counted on, and the newest 200 kept.</p>}
    </div>
  );
}

function Rates({ log }: Props) {
  const { frames, bytes } = log.rate(Date.now());
  return (
    <dl class="playground-rates">
      <div>
        <dt>Received</dt>
        <dd class="num">{count(log.received)} frames</dd>
      </div>
      <div>
        <dt>Bytes in all</dt>
        <dd class="num">{compact(log.receivedBytes)}</dd>
      </div>
      <div>
        <dt>Over the last 5 s</dt>
        <dd class="num">{decimal(frames, 1)} frames/s</dd>
      </div>
      <div>
        <dt>In bytes</dt>
        <dd class="num">{compact(bytes)} bytes/s</dd>
      </div>
      <div>
        <dt>Kept</dt>
        <dd class="num">the last {MOST_FRAMES}</dd>
      </div>
    </dl>
  );
}

function Row({ frame }: { frame: LoggedFrame }) {
  const [open, setOpen] = useState(false);
  const came = frame.direction === "received";
  return (
    <details class="playground-frame" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span class="num muted">{time(frame.at)}</span>
        <span title={frame.direction}>
          <span aria-hidden="true">{came ? "↓" : "↑"}</span>
          <span class="visually-hidden">{frame.direction}</span>
        </span>
        <strong>{frame.type}</strong>
        <span class="num muted">{count(frame.bytes)} B</span>
        <span class="playground-summary">{frame.summary}</span>
      </summary>
      {open && <Whole text={frame.text} />}
    </details>
  );
}

function Whole({ text }: { text: string }) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  return <JsonTree value={value} label="Frame" />;
}

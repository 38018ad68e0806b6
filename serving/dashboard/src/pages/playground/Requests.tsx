// What to say on the stream: by buttons, or as written.

import { useId, useRef, useState } from "preact/hooks";
import type { Channel } from "../../api/types";
import { fault } from "./bodies";
import type { Place } from "./frames";
import { CHANNELS, ping, subscription, toggled } from "./messages";

interface Props {
  readonly tickers: readonly string[];
  readonly open: boolean;
  readonly place: Place | null;
  readonly send: (text: string) => void;
}

export function Requests({ tickers, open, place, send }: Props) {
  const [wanted, want] = useState<readonly string[]>([]);
  const [channels, listen] = useState<readonly Channel[]>([]);
  const [text, write] = useState(subscription({ tickers: [], channels: [] }));
  const pings = useRef(0);
  // What a button says is shown in the editor too: to learn from, and to change.
  const say = (said: string) => {
    write(said);
    send(said);
  };
  const wishes = { tickers: wanted, channels };
  return (
    <div class="playground-requests">
      <Choices legend="Tickers" all={tickers} chosen={wanted} toggle={(t) => want(toggled(wanted, t))} />
      <Choices legend="Channels" all={CHANNELS} chosen={channels} toggle={(c) => listen(toggled(channels, c))} />
      <div class="playground-tools">
        <button type="button" class="button" disabled={!open} onClick={() => say(subscription(wishes))}>
          Subscribe
        </button>
        <button
          type="button"
          class="button"
          disabled={!open || place === null}
          title={place === null ? "After a first snapshot" : `From ${place.last_seq} on`}
          onClick={() => say(subscription(wishes, place))}
        >
          Resume
        </button>
        <button
          type="button"
          class="button"
          disabled={!open}
          onClick={() => {
            pings.current += 1;
            say(ping(pings.current));
          }}
        >
          Ping
        </button>
      </div>
      <Editor text={text} write={write} open={open} send={send} />
    </div>
  );
}

function Choices<T extends string>(props: {
  legend: string;
  all: readonly T[];
  chosen: readonly T[];
  toggle: (value: T) => void;
}) {
  return (
    <fieldset class="playground-choices">
      <legend>
        {props.legend} <span class="muted">({props.chosen.length === 0 ? "all" : props.chosen.length})</span>
      </legend>
      {props.all.map((value) => (
        <label key={value} class="playground-check">
          <input type="checkbox" checked={props.chosen.includes(value)} onChange={() => props.toggle(value)} />
          {value}
        </label>
      ))}
    </fieldset>
  );
}

function Editor(props: { text: string; write: (text: string) => void; open: boolean; send: (text: string) => void }) {
  const id = useId();
  const wrong = fault(props.text);
  return (
    <div class="playground-written">
      <div class="field playground-body">
        <label for={id}>Request as written</label>
        <textarea
          id={id}
          rows={3}
          spellcheck={false}
          value={props.text}
          aria-describedby={`${id}-what`}
          onInput={(event) => props.write(event.currentTarget.value)}
        />
        <span id={`${id}-what`}>
          {wrong === null ? (
            "Anything can be sent."
          ) : (
            <span class="field-error">Not JSON. The server will say so.</span>
          )}
        </span>
      </div>
      <div class="playground-tools">
        <button type="button" class="button" disabled={!props.open} onClick={() => props.send(props.text)}>
          Send as written
        </button>
      </div>
    </div>
  );
}

// Trying the stream: connect, say what to hear, watch what comes.

import { useState } from "preact/hooks";
import { Panel } from "../../ui/panel";
import { CLOSES, closeOf } from "./closes";
import { FrameList } from "./FrameList";
import { Requests } from "./Requests";
import { type SocketState, useSocket } from "./useSocket";

export function Stream({ tickers }: { tickers: readonly string[] }) {
  const [url] = useState(() => `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/stream`);
  const socket = useSocket(url);
  const { name } = socket.state;
  return (
    <Panel
      title="Stream"
      class="playground-stream"
      aside={
        <a href="/asyncapi.json" target="_blank" rel="noreferrer">
          Every frame as a schema
        </a>
      }
    >
      <p class="muted">
        A WebSocket of its own at <code>{url}</code>; what the rest of the dashboard hears goes on as it was.
      </p>
      <div class="playground-tools">
        {name === "closed" ? (
          <button type="button" class="button button-main" onClick={socket.connect}>
            Connect
          </button>
        ) : (
          <button type="button" class="button" onClick={socket.disconnect}>
            Disconnect
          </button>
        )}
        <State state={socket.state} told={socket.log.place !== null} />
      </div>
      <Requests tickers={tickers} open={name === "open"} place={socket.log.place} send={socket.send} />
      <FrameList log={socket.log} beat={socket.beat} />
      <Codes />
    </Panel>
  );
}

const SIGNS = { closed: "○", connecting: "◌", open: "●" } as const;

function State({ state, told }: { state: SocketState; told: boolean }) {
  return (
    <span class="playground-state" role="status">
      <span aria-hidden="true">{SIGNS[state.name]}</span> {said(state, told)}
    </span>
  );
}

function said(state: SocketState, told: boolean): string {
  if (state.name === "open") return told ? "Open." : "Open. Nothing comes after hello until you subscribe.";
  if (state.name === "connecting") return "Connecting…";
  if (state.code === null) return "Not connected.";
  const { why, next } = closeOf(state.code);
  return `Closed with ${state.code}${state.reason && `, “${state.reason}”`}. ${why} ${next}`;
}

function Codes() {
  return (
    <details class="playground-codes">
      <summary>Close codes</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Why</th>
            <th scope="col">What to do</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(CLOSES).map(([code, { why, next }]) => (
            <tr key={code}>
              <th scope="row">{code}</th>
              <td>{why}</td>
              <td>{next}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

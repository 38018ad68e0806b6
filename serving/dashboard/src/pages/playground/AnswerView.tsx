// What came back: status, time, headers, body.

import { useMemo } from "preact/hooks";
import { compact, milliseconds } from "../../format/numbers";
import { CopyButton } from "../../ui/copy";
import { JsonTree } from "./JsonTree";
import { Reading } from "./Reading";
import type { Answered } from "./request";

// Metrics and the model card are text; more than this nobody reads here.
const MOST_CHARACTERS = 20_000;

export function AnswerView({ answer }: { answer: Answered }) {
  const good = answer.status < 400;
  return (
    <div class="playground-answer">
      <p class="playground-status" role="status">
        <span class={`badge ${good ? "badge-good" : "badge-bad"}`}>
          <span aria-hidden="true">{good ? "✓" : "✗"}</span> {answer.status} {answer.statusText}
        </span>{" "}
        <span class="num">in {milliseconds(answer.milliseconds)}</span>
        <span class="num">{compact(answer.bytes)} bytes</span>
      </p>
      <Headers headers={answer.headers} />
      <Content answer={answer} />
    </div>
  );
}

function Headers({ headers }: { headers: Answered["headers"] }) {
  return (
    <details class="playground-headers">
      <summary>
        {headers.length} headers
        {headers.slice(0, 3).map(([name, value]) => (
          <code key={name}>
            {name}: {value}
          </code>
        ))}
      </summary>
      <dl>
        {headers.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Content({ answer }: { answer: Answered }) {
  const { json, text } = answer;
  const pretty = useMemo(() => (json === undefined ? text : JSON.stringify(json, null, 2)), [json, text]);
  if (text === "") return <p class="muted">There is no body.</p>;
  return (
    <>
      <div class="playground-tools">
        <CopyButton text={pretty} what="the body" />
      </div>
      {json === undefined ? (
        <Reading label="Body">
          <pre>
            {text.slice(0, MOST_CHARACTERS)}
            {text.length > MOST_CHARACTERS && "\n… (the copy has all of it)"}
          </pre>
        </Reading>
      ) : (
        <JsonTree value={json} label="Body" />
      )}
    </>
  );
}

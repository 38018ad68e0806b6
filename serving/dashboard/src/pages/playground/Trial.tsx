// One operation, filled in with examples and ready to be sent.

import { useEffect, useRef, useState } from "preact/hooks";
import { CopyButton } from "../../ui/copy";
import { AnswerView } from "./AnswerView";
import { BodyEditor } from "./BodyEditor";
import { type Asked, curl } from "./curl";
import { Method } from "./OperationList";
import { addressOf, examplesOf, missing, type Operation, type Values } from "./openapi";
import { ParameterFields } from "./ParameterFields";
import { Reading } from "./Reading";
import { type Answered, ask } from "./request";

interface Props {
  readonly operation: Operation;
  readonly tickers: readonly string[];
}

export function Trial({ operation, tickers }: Props) {
  const [changed, change] = useState<Values>({});
  const [body, write] = useState(operation.body?.example ?? "");
  const [conditional, setConditional] = useState(false);
  const sending = useSending();
  // What was not touched follows the tickers, which may come later.
  const values = { ...examplesOf(operation, tickers), ...changed };
  const etag = sending.answer === null ? null : header(sending.answer, "etag");
  const asked = askedFor(operation, values, body, conditional ? etag : null);
  const lacking = missing(operation, values);
  return (
    <form
      class="playground-trial"
      onSubmit={(event) => {
        event.preventDefault();
        sending.send(asked);
      }}
    >
      <h3>
        <Method method={operation.method} /> <code>{operation.path}</code>
      </h3>
      {operation.description.split(/\n{2,}/).map((paragraph) => (
        <p key={paragraph} class="playground-description">
          {paragraph}
        </p>
      ))}
      <ParameterFields
        parameters={operation.parameters}
        values={values}
        tickers={tickers}
        change={(name, value) => change({ ...changed, [name]: value })}
      />
      {operation.body && <BodyEditor body={operation.body} ticker={values.ticker ?? null} text={body} write={write} />}
      <div class="playground-tools">
        <button type="submit" class="button button-main" disabled={sending.busy || lacking.length > 0}>
          {sending.busy ? "Waiting for the answer…" : "Send"}
        </button>
        {etag !== null && operation.method === "GET" && (
          <label class="playground-check">
            <input
              type="checkbox"
              checked={conditional}
              onChange={(event) => setConditional(event.currentTarget.checked)}
            />
            only if it has changed (<code>If-None-Match</code>)
          </label>
        )}
        {lacking.length > 0 && <span class="field-error">Expected a value for {lacking.join(", ")}.</span>}
      </div>
      <Command asked={asked} />
      {sending.failed !== null && (
        <p class="field-error" role="status">
          No answer: {sending.failed}.
        </p>
      )}
      {sending.answer && <AnswerView answer={sending.answer} />}
    </form>
  );
}

function Command({ asked }: { asked: Asked }) {
  const command = curl({ ...asked, url: location.origin + asked.url });
  return (
    <details class="playground-curl">
      <summary>The same as curl</summary>
      <div class="playground-tools">
        <CopyButton text={command} what="the command" />
      </div>
      <Reading label="Command">
        <pre>{command}</pre>
      </Reading>
    </details>
  );
}

function askedFor(operation: Operation, values: Values, body: string, etag: string | null): Asked {
  const headers: Record<string, string> = {};
  if (operation.body) headers["content-type"] = operation.body.mediaType;
  if (etag !== null) headers["if-none-match"] = etag;
  return {
    method: operation.method,
    url: addressOf(operation, values),
    headers,
    body: operation.body ? body : null,
  };
}

function header(answer: Answered, name: string): string | null {
  return answer.headers.find(([each]) => each === name)?.[1] ?? null;
}

/** The last answer; a request that the page has left is given up. */
function useSending() {
  const [answer, take] = useState<Answered | null>(null);
  const [failed, fail] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(), []);
  const send = async (asked: Asked) => {
    const { signal } = leaving.current;
    setBusy(true);
    fail(null);
    try {
      take(await ask(asked, signal));
    } catch (error) {
      if (signal.aborted) return;
      fail(error instanceof DOMException && error.name === "TimeoutError" ? "it took too long" : "the server is away");
    }
    setBusy(false);
  };
  return { answer, failed, busy, send: (asked: Asked) => void send(asked) };
}

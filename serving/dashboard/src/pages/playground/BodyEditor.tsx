// The body of a request, as JSON to edit.

import { useId, useState } from "preact/hooks";
import { get, RequestFailed } from "../../api/rest";
import type { Prices } from "../../api/types";
import { barsOf, fault } from "./bodies";
import type { Body } from "./openapi";

interface Props {
  readonly body: Body;
  /** What the path names, if anything. */
  readonly ticker: string | null;
  readonly text: string;
  readonly write: (text: string) => void;
}

export function BodyEditor({ body, ticker, text, write }: Props) {
  const id = useId();
  const wrong = body.mediaType.endsWith("json") && text !== "" ? fault(text) : null;
  return (
    <div class="playground-written">
      <div class="field playground-body">
        <label for={id}>Body ({body.mediaType})</label>
        <textarea
          id={id}
          rows={10}
          spellcheck={false}
          value={text}
          aria-invalid={wrong !== null}
          aria-describedby={`${id}-what`}
          onInput={(event) => write(event.currentTarget.value)}
        />
        <span id={`${id}-what`}>
          {wrong === null ? (
            body.description
          ) : (
            <span class="field-error">Not JSON: {wrong}. It can be sent all the same.</span>
          )}
        </span>
      </div>
      <div class="playground-tools">
        {body.example === "" && ticker !== null && <RealBars ticker={ticker} write={write} />}
        {body.example !== "" && text !== body.example && (
          <button type="button" class="button" onClick={() => write(body.example)}>
            Back to the example
          </button>
        )}
      </div>
    </div>
  );
}

/** A year of bars is too long for an example in a document: the server has real ones. */
function RealBars({ ticker, write }: { ticker: string; write: (text: string) => void }) {
  const [failed, fail] = useState<string | null>(null);
  const fill = async () => {
    fail(null);
    try {
      const { data } = await get<Prices>(`/v1/prices/${encodeURIComponent(ticker)}?limit=252&adjusted=false`);
      write(barsOf(data));
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      fail(error.message);
    }
  };
  return (
    <>
      <button type="button" class="button" onClick={() => void fill()}>
        Fill in {ticker}'s newest 252 bars
      </button>
      {failed !== null && <span class="field-error">{failed}</span>}
    </>
  );
}

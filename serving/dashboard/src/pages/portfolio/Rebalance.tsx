// From what one holds to what one is to hold: the form, and the orders that the server finds. Nothing is sent to any broker.

import { useEffect, useRef, useState } from "preact/hooks";
import { useResource } from "../../api/resource";
import { post, RequestFailed } from "../../api/rest";
import type { RebalancePlan, Tickers, Weights } from "../../api/types";
import { Failure, Loading } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import {
  type Draft,
  errorsOf,
  type FieldError,
  fieldsOf,
  NO_OPTIONS,
  type Options,
  requestOf,
  type Target,
} from "./draft";
import { Field } from "./Field";
import { HoldingFields } from "./HoldingFields";
import { hold, holdings, tickersOf } from "./holdings";
import { OptionFields } from "./OptionFields";
import { Plan } from "./Plan";
import { TargetField } from "./TargetField";

interface Props {
  /** Null where the release has no portfolio: weights of one's own can be had all the same. */
  readonly weights: Weights | null;
  readonly target: Target | null;
  readonly aim: (target: Target) => void;
  /** Weights of the point that is chosen on the frontier. */
  readonly point: Readonly<Record<string, number>> | null;
}

/** What came of the last asking; `of` is the draft that it is of, as text. */
interface Outcome {
  readonly plan: { readonly told: RebalancePlan; readonly at: number; readonly of: string } | null;
  readonly fields: readonly FieldError[];
  readonly general: readonly string[];
}

const NOTHING_YET: Outcome = { plan: null, fields: [], general: [] };

export function Rebalance({ weights, target, aim, point }: Props) {
  const { answer, error, reload } = useResource<Tickers>("/v1/tickers");
  const known = weights?.tickers ?? answer?.data.tickers.map(({ ticker }) => ticker) ?? null;
  return (
    <div class="portfolio-wide" id="rebalance">
      <Panel
        title="Rebalance"
        aside={<span>Orders are listed, nothing is sent anywhere; what you hold stays in this browser.</span>}
      >
        {known === null && error && <Failure what="the tickers" error={error} retry={reload} />}
        {known === null && !error && <Loading what="the tickers" lines={8} />}
        {known !== null && (
          <Form known={known} weights={weights} target={targetIn(weights, target)} aim={aim} point={point} />
        )}
      </Panel>
    </div>
  );
}

/** What was aimed at, if this release has it; its champion otherwise, or weights of one's own if it has no strategies. */
function targetIn(weights: Weights | null, target: Target | null): Target {
  if (weights === null) return "own";
  const has = target === "own" || target === "point" || weights.allocations.some(({ strategy }) => strategy === target);
  return target !== null && has ? target : weights.champion;
}

function Form(props: Omit<Props, "target"> & { known: readonly string[]; target: Target }) {
  const { known, weights, target, aim, point } = props;
  const [own, weigh] = useState<Readonly<Record<string, string>>>({});
  const [options, setOptions] = useState<Options>(NO_OPTIONS);
  const held = holdings.value;
  const draft: Draft = {
    rows: tickersOf(known, held).map((ticker) => ({
      ticker,
      shares: held.shares[ticker] ?? "",
      price: held.prices[ticker] ?? "",
      weight: own[ticker] ?? "",
    })),
    cash: held.cash,
    target,
    point: target === "point" ? point : null,
    options,
  };
  const { outcome, asking, ask } = useAsking();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (outcome.plan !== null || outcome.fields.length + outcome.general.length === 0) return;
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"], .portfolio-refused')?.focus();
  }, [outcome]);
  return (
    <>
      <form
        class="portfolio-form"
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void ask(draft);
        }}
      >
        <div>
          <HoldingFields
            draft={draft}
            known={known}
            errors={outcome.fields}
            weigh={(ticker, weight) => weigh({ ...own, [ticker]: weight })}
          />
        </div>
        <div class="portfolio-form-side">
          <Field
            name="cash"
            label="Cash"
            value={held.cash}
            set={(cash) => hold({ cash })}
            placeholder="0"
            errors={outcome.fields}
          />
          <TargetField weights={weights} target={target} aim={aim} point={point} errors={outcome.fields} />
          <OptionFields options={options} set={setOptions} errors={outcome.fields} />
          <Refused outcome={outcome} />
          <button type="submit" class="button button-main" disabled={asking}>
            {asking ? "Finding orders…" : "List the orders"}
          </button>
        </div>
      </form>
      {outcome.plan && (
        <Plan plan={outcome.plan.told} at={outcome.plan.at} outdated={outcome.plan.of !== JSON.stringify(draft)} />
      )}
    </>
  );
}

function Refused({ outcome: { general, fields } }: { outcome: Outcome }) {
  if (general.length + fields.length === 0) return null;
  return (
    <div class="note note-error portfolio-refused" role="alert" tabIndex={-1}>
      <p class="note-title">No orders yet</p>
      {general.map((message) => (
        <p key={message}>{message}</p>
      ))}
      {fields.length > 0 && (
        <p>{fields.length === 1 ? "A field needs" : `${fields.length} fields need`} another value.</p>
      )}
    </div>
  );
}

/** Asks the server for orders, one asking at a time. */
function useAsking() {
  const [outcome, tell] = useState<Outcome>(NOTHING_YET);
  const [asking, setAsking] = useState(false);
  const ask = async (draft: Draft) => {
    const { request, errors } = requestOf(draft);
    if (request === null) return tell({ plan: null, fields: errors, general: [] });
    setAsking(true);
    try {
      const { data, receivedAt } = await post<RebalancePlan>("/v1/portfolio/rebalance", request);
      tell({ plan: { told: data, at: receivedAt, of: JSON.stringify(draft) }, fields: [], general: [] });
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      const said = error.problem ? errorsOf(error.problem, fieldsOf(draft)) : { fields: [], general: [error.message] };
      tell({ plan: null, ...said });
    } finally {
      setAsking(false);
    }
  };
  return { outcome, asking, ask };
}

// The way from a release down to the bars: each step with its id to take away, and a link where its pages are known.

import type { ComponentChildren } from "preact";
import type { AuditTrail } from "../../api/types";
import { count } from "../../format/numbers";
import { session, time } from "../../format/time";
import { Copyable } from "../../ui/copy";
import "./lineage.css";
import { dagsterRun, type Links, mlflowRun, mlflowVersion } from "./links";

type TickerLineage = NonNullable<AuditTrail["lineage"]>;

export interface LineageProps {
  readonly lineage: TickerLineage;
  readonly release: string;
  readonly links: Links | null;
}

export function LineageList({ lineage, release, links }: LineageProps) {
  return (
    <>
      <ol class="lineage">
        <Step name="Release" detail="what servers and the engine have loaded">
          <Copyable text={release} what="the release's id" />
        </Step>
        <Step
          name="Model"
          detail={`trained ${time(lineage.trained_at)}`}
          link={mlflowVersion(links, lineage.model_name, lineage.model_version)}
          at="MLflow"
        >
          <Copyable text={`${lineage.model_name}/${lineage.model_version}`} what="the model's name and version" />
        </Step>
        <Step
          name="MLflow run"
          detail="parameters, scores, pictures, the ONNX graph"
          link={mlflowRun(links, lineage.mlflow_run_id)}
          at="MLflow"
        >
          <Copyable text={lineage.mlflow_run_id} what="the MLflow run's id" />
        </Step>
        <Step
          name="Dagster run"
          detail="the assets from prices to signals, with their log"
          link={dagsterRun(links, lineage.dagster_run_id)}
          at="Dagster"
        >
          <Copyable text={lineage.dagster_run_id} what="the Dagster run's id" />
        </Step>
        <Step
          name="Data"
          detail={`${count(lineage.bars)} bars, ${session(lineage.first_session)} – ${session(lineage.last_session)}, exchange ${lineage.exchange}, source “${lineage.source}”; this is their digest (SHA-256)`}
        >
          <Copyable text={lineage.data_sha256} what="the data's digest" />
        </Step>
      </ol>
      <Missing links={links} />
    </>
  );
}

function Step(props: { name: string; detail: string; link?: string | null; at?: string; children: ComponentChildren }) {
  return (
    <li>
      <p class="lineage-name">
        {props.name}
        {props.link && (
          <a href={props.link} target="_blank" rel="noreferrer">
            Open in {props.at} ↗
          </a>
        )}
      </p>
      {props.children}
      <p class="lineage-detail">{props.detail}</p>
    </li>
  );
}

/** Which setting would make a link of an id that has none. */
function Missing({ links }: { links: Links | null }) {
  if (links === null) return null;
  return (
    <>
      {links.dagster === null && <Hint of="Dagster" setting="STOCK_ASSETS_DAGSTER_URL" />}
      {links.mlflow === null && <Hint of="MLflow" setting="STOCK_ASSETS_MLFLOW_URL" />}
    </>
  );
}

function Hint({ of, setting }: { of: string; setting: string }) {
  return (
    <p class="lineage-detail">
      No link to {of}: the server was not told where its pages are (<code>{setting}</code>).
    </p>
  );
}

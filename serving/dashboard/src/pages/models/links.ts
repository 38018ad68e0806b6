// Where Dagster's and MLflow's own pages show a run or a version; null where this server was not told of them.

import type { Status } from "../../api/types";

export type Links = Status["links"];

/** A run of Dagster's. */
export function dagsterRun(links: Links | null, run: string): string | null {
  return joined(links?.dagster, `runs/${encodeURIComponent(run)}`);
}

/** A run of MLflow's; its pages find the experiment by themselves. */
export function mlflowRun(links: Links | null, run: string): string | null {
  return joined(links?.mlflow, `#/runs/${encodeURIComponent(run)}`);
}

/** A version in MLflow's registry. */
export function mlflowVersion(links: Links | null, model: string, version: string): string | null {
  return joined(links?.mlflow, `#/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`);
}

function joined(base: string | null | undefined, path: string): string | null {
  return base ? `${base.replace(/\/$/, "")}/${path}` : null;
}

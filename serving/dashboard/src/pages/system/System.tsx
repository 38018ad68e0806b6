// What an operator looks at: how every part is doing and what to do, how fast it is, what was said and can be proved.

import { useCallback, useEffect } from "preact/hooks";
import { useResource } from "../../api/resource";
import type { Status } from "../../api/types";
import type { PageProps } from "../../app/App";
import { usePolling } from "../../ui/polling";
import { AlertsPanel } from "./AlertsPanel";
import { AuditPanel } from "./AuditPanel";
import { DataPanel } from "./DataPanel";
import { EnginePanel } from "./EnginePanel";
import { HealthPanel } from "./HealthPanel";
import { LatencyPanel } from "./LatencyPanel";
import { readMetrics, record } from "./recording";
import "./system.css";

const EVERY_MS = 5_000;

/** The second part of the address names an entry of the audit log. */
export default function System({ ticker: entry }: PageProps) {
  const status = useResource<Status>("/v1/status");
  const { reload } = status;
  const tickers = status.answer?.data.tickers;
  useEffect(() => record(tickers ?? []), [tickers]);
  useEffect(() => void readMetrics(), []);
  usePolling(
    useCallback(() => {
      reload();
      void readMetrics();
    }, [reload]),
    EVERY_MS,
  );
  return (
    <div class="grid">
      <h1 class="system-title">System</h1>
      <HealthPanel status={status} />
      <AlertsPanel />
      <div class="grid system-pair">
        <EnginePanel />
        <DataPanel />
      </div>
      <LatencyPanel />
      <AuditPanel entry={entry} links={status.answer?.data.links ?? null} />
    </div>
  );
}

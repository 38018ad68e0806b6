// What is said in one way wherever a signal in force stands: the newest message, whether it may still change, its trail.

import type { Signal } from "../../api/types";
import { pathOf } from "../../app/router";
import { signalOf, type Told } from "../../live/store";

/** The stream's newest signal of a ticker or, until it told one, REST's. To be read in the smallest component. */
export function newest(ticker: string, rest: Told<Signal> | null): Told<Signal> | null {
  return signalOf(ticker).value ?? rest;
}

export function Finality({ provisional }: { provisional: boolean }) {
  return provisional ? (
    <span class="badge badge-warn" title="Its session has not ended: the signal may still change.">
      ◌ provisional
    </span>
  ) : (
    <span class="muted" title="Made of a session that has ended.">
      at the close
    </span>
  );
}

/** The way to the row of the audit log that was written before anyone saw the signal. */
export function AuditLink({ signal }: { signal: Signal }) {
  if (signal.audit_id === null)
    return (
      <span class="muted" title="Published with the release, before the live engine logged any.">
        with the release
      </span>
    );
  return (
    <a
      href={pathOf("system", String(signal.audit_id))}
      title={signal.audit_sha256 ? `Its link of the hash chain: ${signal.audit_sha256}` : undefined}
    >
      audit {signal.audit_id}
    </a>
  );
}

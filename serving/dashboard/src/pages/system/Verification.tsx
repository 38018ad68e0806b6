// Whether the whole log is as it was written: asked for by a person, since the server reads all of it.

import { useState } from "preact/hooks";
import { get, RequestFailed } from "../../api/rest";
import type { AuditVerification } from "../../api/types";
import { count, milliseconds } from "../../format/numbers";
import { time } from "../../format/time";
import { Copyable } from "../../ui/copy";
import { Age, Failure } from "../../ui/notes";
import { LevelBadge } from "../../ui/verdict";

const FINDINGS: Readonly<Record<AuditVerification["findings"][number]["tampering"], string>> = {
  changed: "it is not what was written",
  removed: "it is gone",
  inserted: "it was put in later",
  reordered: "it was written as another entry",
  truncated: "it and all after it are gone",
  unguarded: "what keeps the log from being changed is missing or switched off",
};

export function Verification() {
  const [found, put] = useState<AuditVerification | null>(null);
  const [error, fail] = useState<RequestFailed | null>(null);
  const [asking, ask] = useState(false);
  const verify = async () => {
    ask(true);
    try {
      put((await get<AuditVerification>("/v1/audit/verification")).data);
      fail(null);
    } catch (caught) {
      if (!(caught instanceof RequestFailed)) throw caught;
      fail(caught);
    } finally {
      ask(false);
    }
  };
  return (
    <section class="system-verification">
      <div class="system-verify-head">
        <button type="button" class="button" onClick={verify} disabled={asking}>
          {asking ? "Reading the whole log…" : "Verify the whole log"}
        </button>
        <div role="status">
          {found === null && !asking && <span class="muted">not verified since this page was opened</span>}
          {found && <Outcome of={found} />}
        </div>
      </div>
      {error && <Failure what="a verification" error={error} retry={verify} stale={found !== null} />}
      {found && found.findings.length > 0 && <Findings of={found} />}
      <Receipt of={found} />
    </section>
  );
}

function Outcome({ of }: { of: AuditVerification }) {
  return (
    <p class="system-outcome">
      <LevelBadge level={of.whole ? "ok" : "bad"}>{of.whole ? "Whole" : "Tampered with"}</LevelBadge>{" "}
      {of.whole
        ? `${count(of.entries)} entries, each as it was written and none missing`
        : `${count(of.findings.length)} findings in ${count(of.entries)} entries`}
      ; verified {time(of.verified_at)}, <Age at={Date.parse(of.verified_at)} label="" />, in{" "}
      <span class="num">{milliseconds(1_000 * of.seconds)}</span>
    </p>
  );
}

function Findings({ of }: { of: AuditVerification }) {
  return (
    <ul class="system-alerts">
      {of.findings.map((finding) => (
        <li key={`${finding.audit_id} ${finding.tampering} ${finding.detail}`}>
          <p class="system-alert-head">
            <LevelBadge level="bad">{finding.tampering}</LevelBadge>
            <b>{finding.audit_id === null ? "the log" : `entry ${finding.audit_id}`}</b>
            {FINDINGS[finding.tampering]}
          </p>
          <p class="system-alert-text">{finding.detail}</p>
        </li>
      ))}
    </ul>
  );
}

/** What the server can't prove by itself: that nobody wrote the whole log anew. */
function Receipt({ of }: { of: AuditVerification | null }) {
  const receipt = of?.head ? ` --receipt ${of.head.audit_id}:${of.head.sha256}` : "";
  return (
    <details>
      <summary>What this can't prove, and the full check</summary>
      <p>
        Whoever may write the whole database can forge it whole. A receipt that was kept elsewhere shows it: keep this
        line, and run it later beside the log.
        {!of && " It gets its receipt when the log has been verified."}
      </p>
      <Copyable text={`stock-assets audit verify${receipt}`} what="the command that verifies the log" />
    </details>
  );
}

// Which signals and alerts have been told, so that none is told twice.

import type { Alert, LiveMessage, Signal } from "../api/types";

// More than a server keeps for those who come back.
const MOST_REMEMBERED = 8_192;

/** Remembers the newest signal of each ticker and alert of each subject, and many of those before them. */
export class Told {
  private readonly newest = new Map<string, string>();
  // A set that knows what came first.
  private readonly recent = new Set<string>();

  constructor(private readonly most = MOST_REMEMBERED) {}

  /** Whether it has to be told; from now on it counts as told. */
  isNew(message: Signal | Alert): boolean {
    const subject = subjectOf(message);
    const identity = identityOf(message);
    if (this.newest.get(subject) === identity || this.recent.has(identity)) return false;
    this.newest.set(subject, identity);
    this.recent.add(identity);
    const [oldest] = this.recent;
    if (this.recent.size > this.most && oldest !== undefined) this.recent.delete(oldest);
    return true;
  }
}

export function isNewsworthy(message: LiveMessage): message is Signal | Alert {
  return message.type === "signal" || message.type === "alert";
}

/** What a newer message of the same replaces. */
export function subjectOf(message: Signal | Alert): string {
  return message.type === "signal" ? `signal ${message.ticker}` : `alert ${message.kind} ${message.subject}`;
}

/** What two tellings of the same have in common: its row in the audit log, where it has one. */
function identityOf(message: Signal | Alert): string {
  // The hash with it: another log may count from 1 again.
  if (message.type === "signal" && message.audit_id !== null) return `${message.audit_id} ${message.audit_sha256}`;
  return JSON.stringify(message);
}

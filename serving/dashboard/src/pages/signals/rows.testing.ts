// Rows of a history as tests say them: what a test does not speak of is as usual.

import type { SignalRow } from "../../api/types";

export function row(changes: Partial<SignalRow>): SignalRow {
  return {
    session: "2012-02-29",
    target_session: "2012-03-01",
    action: "BUY",
    confidence: 54.1,
    edge_bp: 7.8,
    vol: 0.017,
    p_up: 0.541,
    lower_90: -0.026,
    lower_50: -0.009,
    upper_50: 0.0115,
    upper_90: 0.028,
    reason: "expected +7.8 bp, and keeping costs nothing; P(up) 54%",
    realised: 0.0037,
    ...changes,
  };
}

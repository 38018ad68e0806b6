// The names under which the rest of the dashboard knows the server's shapes. `schema.d.ts` is made from the server's
// own documents (`npm run types`): nothing is described twice.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Tickers = Schemas["Tickers"];
export type TickerCard = Schemas["TickerCard"];
export type Prices = Schemas["Prices"];
export type PriceBar = Schemas["PriceBar"];
export type Prediction = Schemas["PredictionMessage"];
export type Predictions = Schemas["Predictions"];
export type Further = Schemas["Further"];
export type Signal = Schemas["SignalMessage"];
export type Signals = Schemas["Signals"];
export type SignalHistory = Schemas["SignalHistory"];
export type SignalRow = Schemas["SignalRow"];
export type Action = Schemas["Action"];
export type Price = Schemas["PriceMessage"];
export type Portfolio = Schemas["PortfolioMessage"];
export type Alert = Schemas["AlertMessage"];
export type EngineStatus = Schemas["StatusMessage"];
export type Figures = Schemas["Figures"];
export type LiveMessage = Price | Prediction | Signal | Portfolio | Alert | EngineStatus;
export type Weights = Schemas["Weights"];
export type StrategyWeights = Schemas["StrategyWeights"];
export type Strategy = Schemas["Strategy"];
export type Performance = Schemas["Performance"];
export type StrategyRecord = Schemas["StrategyRecord"];
export type Frontier = Schemas["Frontier"];
export type Correlation = Schemas["Correlation"];
export type Risk = Schemas["Risk"];
export type RebalancePlan = Schemas["RebalancePlan"];
export type Order = Schemas["Order"];
type RebalanceRequest = Schemas["RebalanceRequest"];
/** What a client sends: all but two have defaults. */
export type RebalanceBody = Pick<RebalanceRequest, "holdings" | "cash"> & Partial<RebalanceRequest>;
export type Models = Schemas["Models"];
export type ModelCard = Schemas["ModelCard"];
export type TickerMetrics = Schemas["TickerMetrics"];
export type TradingRecord = Schemas["TradingRecord"];
export type Book = Schemas["Book"];
export type Status = Schemas["Status"];
export type Problem = Schemas["Problem"];
export type AuditEntries = Schemas["AuditEntries"];
export type AuditTrail = Schemas["AuditTrail"];
export type AuditVerification = Schemas["AuditVerification"];
export type Indicators = Schemas["Indicators"];
export type SignalPerformance = Schemas["SignalPerformance"];
export type TradingCurves = Schemas["TradingCurves"];
export type Calibration = Schemas["Calibration"];
export type LivePerformance = Schemas["LivePerformance"];
export type Succession = Schemas["Succession"];
export type Challenger = Schemas["Challenger"];

export type Hello = Schemas["Hello"];
export type Snapshot = Schemas["Snapshot"];
export type Delta = Schemas["Delta"];
export type StaleFrame = Schemas["Stale"];
export type Pong = Schemas["Pong"];
export type Refused = Schemas["Refused"];
export type Closing = Schemas["Closing"];
export type Frame = Hello | Snapshot | Delta | StaleFrame | Pong | Refused | Closing;
export type Channel = Schemas["Channel"];
export type Resume = Schemas["Resume"];
export type Subscribe = Schemas["Subscribe"];

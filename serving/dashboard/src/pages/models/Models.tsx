// The models in force: all of them in one table, or one ticker's from its scores down to the bars that it was made of.

import type { PageProps } from "../../app/App";
import { Overview } from "./Overview";
import { TickerModel } from "./TickerModel";
import "./models.css";

export default function Models({ ticker }: PageProps) {
  return ticker === null ? <Overview /> : <TickerModel ticker={ticker} key={ticker} />;
}

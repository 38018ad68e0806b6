// What stands around every page: the way to the others, the state of the connection, the theme.

import type { ComponentChildren } from "preact";
import { alerts } from "../live/store";
import { ConnectionPill } from "./ConnectionPill";
import { PAGES, type PageName, pathOf, place } from "./router";
import { Settings } from "./Settings";

const NAMES: Readonly<Record<PageName, string>> = {
  market: "Market",
  signals: "Signals",
  portfolio: "Portfolio",
  models: "Models",
  system: "System",
  playground: "Playground",
};

export function Shell({ children }: { children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="/">
          stock-assets
        </a>
        <nav class="nav" aria-label="Pages">
          <ul>
            {PAGES.map((page) => (
              <li key={page}>
                <a href={pathOf(page)} aria-current={place.value?.page === page ? "page" : undefined}>
                  {NAMES[page]}
                  {page === "system" && alerts.value.length > 0 && (
                    <span class="nav-count" title={`${alerts.value.length} active alerts`}>
                      {alerts.value.length}
                      <span class="visually-hidden"> active alerts</span>
                    </span>
                  )}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="top-end">
          <ConnectionPill />
          <Settings />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <footer class="foot">
        <p>
          Scores and returns here are out of sample and net of costs unless they say otherwise. No advice.{" "}
          <a href="/docs">REST</a> · <a href="/asyncapi.json">stream</a> · candles by{" "}
          <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
            TradingView
          </a>
          's Lightweight Charts
        </p>
      </footer>
    </>
  );
}

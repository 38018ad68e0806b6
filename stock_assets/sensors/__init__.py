"""What starts runs by itself: data that has become stale, forecasts that have drifted, tickers that are done."""

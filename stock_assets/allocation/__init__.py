"""Allocation over all tickers: what strategies hold, what became of it, and which is the champion. No Dagster here.

The mathematics of weights is `quant.portfolio`'s, their records for the server `release.portfolio`'s.
"""

"""The mathematics: bars, features, forecasts, signals, portfolios and their scores.

numpy, scipy and clarabel only. No I/O, no clock, no Dagster, no HTTP, no pandas: the same functions serve
the training graph and the live engine, so there is one answer to "what was this number computed from".
"""

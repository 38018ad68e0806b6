"""What the features cost: per live window and per ticker's history, beside the same features by pandas.

    python benchmarks/features.py [--json] [--rounds N]

The peer is what a pandas user writes for a live tick: `rolling` and `ewm` over the window's frame, last row taken.
It makes those that have a name there, which leaves the variance's features to ours alone. Both are timed in turn in the
same run, and the run fails if they disagree about any that both make.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from quant.bars import COLUMNS, Bars, windows
from quant.features import (
    EMA_SPANS,
    EWMA_DECAY,
    NAMES,
    RANGE_SPANS,
    RETURN_SPANS,
    SMA_SPANS,
    VOLATILITY,
    VOLATILITY_SPANS,
    WINDOW,
    feature_table,
    features,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from shared_data import sample_bars

# Weights of an exponential average that start anywhere differ by this after a window: see `adjust` below.
TOLERANCE = 1e-6


def by_pandas(frame: pd.DataFrame) -> dict[str, float]:
    """Every feature of the frame's last row, the way pandas offers it. `frame`: one window, adjusted, by session."""
    close, high, low, opened, volume = (frame[name] for name in ("close", "high", "low", "open", "volume"))
    returns = np.log(close / close.shift())
    made: dict[str, pd.Series] = {f"log_return_{n}": np.log(close / close.shift(n)) for n in RETURN_SPANS}
    made["gap"] = np.log(opened / close.shift())
    made["intraday_return"] = np.log(close / opened)
    made["log_range"] = np.log(high / low)
    made |= _volatilities(frame, returns)
    made |= _oscillators(frame)
    made |= {f"sma_ratio_{n}": np.log(close / close.rolling(n).mean()) for n in SMA_SPANS}
    made |= {f"ema_ratio_{n}": np.log(close / close.ewm(span=n).mean()) for n in EMA_SPANS}
    made["drawdown"] = np.log(close / high.rolling(WINDOW).max())
    made["height_over_low"] = np.log(close / low.rolling(WINDOW).min())
    log_volume = np.log1p(volume)
    centred = log_volume - log_volume.rolling(63).mean()
    made["volume_z"] = centred / log_volume.rolling(63).std(ddof=0)
    steps = np.arange(21) - 10.0
    made["volume_trend"] = log_volume.rolling(21).apply(lambda v: float(v @ steps / (steps @ steps)), raw=True)
    day = 2 * np.pi / 7 * (frame.index.to_series().astype("datetime64[s]").astype("int64") // 86_400 % 7)
    made["weekday_sin"], made["weekday_cos"] = np.sin(day), np.cos(day)
    return {name: float(series.iloc[-1]) for name, series in made.items()}


def _volatilities(frame: pd.DataFrame, returns: pd.Series) -> dict[str, pd.Series]:
    square = returns**2
    high_low = np.log(frame["high"] / frame["low"]) ** 2
    garman_klass = 0.5 * high_low - (2 * np.log(2) - 1) * np.log(frame["close"] / frame["open"]) ** 2
    made = {VOLATILITY: np.sqrt(square.ewm(alpha=1 - EWMA_DECAY).mean())}
    made |= {f"realised_vol_{n}": np.sqrt(square.rolling(n).mean()) for n in VOLATILITY_SPANS}
    made |= {f"parkinson_vol_{n}": np.sqrt(high_low.rolling(n).mean() / (4 * np.log(2))) for n in RANGE_SPANS}
    made |= {f"garman_klass_vol_{n}": np.sqrt(garman_klass.rolling(n).mean()) for n in RANGE_SPANS}
    made |= {f"downside_vol_{n}": np.sqrt((returns.clip(upper=0) ** 2).rolling(n).mean()) for n in RANGE_SPANS}
    spread = returns.rolling(63).std(ddof=0)
    third = returns.rolling(63).apply(lambda r: float(((r - r.mean()) ** 3).mean()), raw=True)
    made["skew_63"] = third / spread**3
    made["vol_ratio_5_63"] = np.sqrt(square.rolling(5).mean() / square.rolling(63).mean())
    made["autocorrelation_63"] = returns.rolling(63).apply(_autocorrelation, raw=True)
    return made


def _autocorrelation(r: np.ndarray) -> float:
    centred = r - r.mean()
    return float(centred[1:] @ centred[:-1] / (centred @ centred))


def _oscillators(frame: pd.DataFrame) -> dict[str, pd.Series]:
    close, high, low = frame["close"], frame["high"], frame["low"]
    change = close.diff()
    made = {}
    for n in (14, 5):
        gain = change.clip(lower=0).ewm(alpha=1 / n).mean()
        loss = (-change.clip(upper=0)).ewm(alpha=1 / n).mean()
        made[f"rsi_{n}"] = gain / (gain + loss)
    middle, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    made["bollinger_b"] = (close - middle + 2 * deviation) / (4 * deviation)
    made["bollinger_width"] = 4 * deviation / middle
    line = close.ewm(span=12).mean() - close.ewm(span=26).mean()
    signal = line.ewm(span=9).mean()
    made["macd"], made["macd_signal"] = line / close, signal / close
    made["macd_histogram"] = (line - signal) / close
    lowest, highest = low.rolling(14).min(), high.rolling(14).max()
    made["stochastic_k"] = (close - lowest) / (highest - lowest)
    made["stochastic_d"] = made["stochastic_k"].rolling(3).mean()
    before = close.shift()
    true_range = np.maximum(high, before) - np.minimum(low, before)
    made["atr_14"] = true_range.ewm(alpha=1 / 14).mean() / close
    return made


def medians(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """Median seconds of each call, the calls taking turns so that the machine's mood hits all alike."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for own, call in zip(seconds, calls, strict=True):
            start = time.perf_counter()
            call()
            own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in seconds]


def check_agreement(bars: Bars) -> float:
    """The largest difference between both ways on the newest window; `SystemExit` above `TOLERANCE`."""
    ours = features(windows(bars, length=WINDOW), bars.session[-1:])[0]
    theirs = by_pandas(window_frame(bars))
    worst = max(theirs, key=lambda name: abs(ours[NAMES.index(name)] - theirs[name]))
    gap = abs(ours[NAMES.index(worst)] - theirs[worst])
    if not gap < TOLERANCE:
        raise SystemExit(f"{worst}: expected both ways within {TOLERANCE:g}, got {gap:g}")
    return gap


def window_frame(bars: Bars) -> pd.DataFrame:
    """One window as the frame that a pandas user keeps."""
    return pd.DataFrame(windows(bars, length=WINDOW)[0], columns=list(COLUMNS), index=pd.DatetimeIndex(bars.session))


def measure(rounds: int) -> dict[str, float]:
    """All figures of the benchmark."""
    history = sample_bars("AAPL")
    last = history[-WINDOW:]
    gap = check_agreement(last)
    frame = window_frame(last)
    by_both = len(by_pandas(frame))
    live, peer = medians(
        rounds,
        lambda: features(windows(last, length=WINDOW), last.session[-1:]),
        lambda: by_pandas(frame),
    )
    (batch,) = medians(max(rounds // 20, 5), lambda: feature_table(history))
    return {
        "features": len(NAMES),
        "features_by_pandas": by_both,
        "live_us": live * 1e6,
        "pandas_live_us": peer * 1e6,
        "pandas_over_ours": peer / live,
        "batch_windows": len(history) - WINDOW + 1,
        "batch_ms": batch * 1e3,
        "batch_us_per_window": batch * 1e6 / (len(history) - WINDOW + 1),
        "largest_disagreement": gap,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{found['features']:.0f} features, {found['features_by_pandas']:.0f} of them by pandas too;", end=" ")
    print(f"windows of {WINDOW} bars, medians of {arguments.rounds} rounds")
    print(f"live window      {found['live_us']:8.0f} us")
    print(
        f"pandas, a tick   {found['pandas_live_us']:8.0f} us   {found['pandas_over_ours']:.1f} times ours (target 10)"
    )
    print(f"AAPL's history   {found['batch_ms']:8.1f} ms   {found['batch_windows']:.0f} windows, "
          f"{found['batch_us_per_window']:.1f} us each")  # fmt: skip
    print(f"largest disagreement with pandas {found['largest_disagreement']:.1e}")


if __name__ == "__main__":
    main()

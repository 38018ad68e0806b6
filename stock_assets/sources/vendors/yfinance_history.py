"""The one place that knows yfinance: kept from the network, from the disk and from its own caches.

It asks by a session of ours, so a chart comes by our transport or not at all. Its bookkeeping around that is met
here: cookies and crumbs, which charts don't need, and time zones and cookies on disk, which our own cache makes
superfluous. Importing this module takes half a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yfinance
from curl_cffi import requests
from yfinance import cache
from yfinance.data import YfData
from yfinance.exceptions import YFException

from stock_assets.errors import ErrorBody, VendorRefused
from stock_assets.sources.rows import Rows
from stock_assets.sources.vendors.response_cache import Answer

CHART: Final = "/v8/finance/chart/"
# Asked before every chart: for a cookie and for a token that only other services want.
NOT_NEEDED: Final = ("", "/", "/v1/test/getcrumb")
CRUMB: Final = "crumb"
COLUMNS: Final = ["Open", "High", "Low", "Close", "Volume"]
# Session, cookies and caches are the whole process' in yfinance.
_one_at_a_time = threading.Lock()

Ask = Callable[[str, Mapping[str, str]], Answer]


def history(symbol: str, *, start: date, end: date, ask: Ask) -> Rows:
    """Daily bars and actions of a symbol as yfinance reads them: ascending, nothing adjusted or repaired by it.

    Parameters
    ----------
    symbol : str
    start, end : date
        The first day, and the day after the last.
    ask : callable
        Given the path and the parameters of a chart, answers it or raises what is to be raised here.

    Raises
    ------
    ErrorBody
        If yfinance can't read what `ask` let pass.
    """
    with _one_at_a_time:
        _keep_to_itself()
        session = _Session(ask)
        try:
            frame = yfinance.Ticker(symbol, session=session).history(
                start=start, end=end, interval="1d", auto_adjust=False, back_adjust=False, actions=True, repair=False,
                keepna=True,
            )  # fmt: skip
        except (YFException, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ErrorBody(f"yahoo: expected a chart of {symbol} that yfinance can read, got {reason}") from error
        finally:
            session.close()
    return _rows(frame)


def _rows(frame: pd.DataFrame) -> Rows:
    # Midnights of the exchange.
    midnight = pd.DatetimeIndex(frame.index).tz_localize(None)
    split = frame["Stock Splits"].to_numpy(dtype=np.float64)
    return Rows(
        session=midnight.to_numpy().astype("datetime64[D]"),
        ohlcv=frame[COLUMNS].to_numpy(dtype=np.float64),
        split=np.where(split == 0, 1.0, split),
        dividend=frame["Dividends"].to_numpy(dtype=np.float64),
        adjusted_close=frame["Adj Close"].to_numpy(dtype=np.float64),
    )


def _keep_to_itself() -> None:
    """Make yfinance raise what it would log, say nothing, and remember nothing."""
    yfinance.config.debug.hide_exceptions = False
    logging.getLogger("yfinance").disabled = True
    # There is no public way to do without: set_tz_cache_location only names another folder to write to.
    cache._TzCacheManager._tz_cache = cache._TzCacheDummy()
    cache._CookieCacheManager._Cookie_cache = cache._CookieCacheDummy()
    cache._ISINCacheManager._isin_cache = cache._ISINCacheDummy()
    # It would answer from memory for as long as the process lives.
    YfData.cache_get.cache_clear()


class _Session(requests.Session):  # type: ignore[type-arg]
    """A session that sends nothing: charts are asked for by `ask`, and what charts don't need is answered at once."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask

    def request(  # type: ignore[override]
        self, method: str, url: str, params: Mapping[str, Any] | None = None, **_: Any
    ) -> requests.Response:
        """What every method of a session comes down to; `VendorRefused` for anything that no history needs."""
        path = urlsplit(url).path
        if method == "GET" and path.startswith(CHART):
            wanted = {name: str(value) for name, value in (params or {}).items() if name != CRUMB}
            answer = self._ask(path, wanted)
            return _response(url, status=answer.status, body=answer.body)
        if method == "GET" and path in NOT_NEEDED:
            return _response(url, status=200, body=b"")
        raise VendorRefused(f"yahoo: expected yfinance to ask for charts only, got {method} {path}")


def _response(url: str, *, status: int, body: bytes) -> requests.Response:
    response = requests.Response()
    response.url, response.status_code, response.content = url, status, body
    return response
